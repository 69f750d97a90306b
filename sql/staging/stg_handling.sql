-- Active handle time of each answered wait whose time is known by now.
select * from raw.handling
