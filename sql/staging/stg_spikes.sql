-- Episodes of unusual volume.
select * from raw.spikes
