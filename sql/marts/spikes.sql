-- spikes: one row per episode of unusual volume (brand, channel, queue, started_at).
select * from stg_spikes
