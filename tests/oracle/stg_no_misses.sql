-- Which clocks were missed, and after which event. Nobody knows yet: see stg_misses.

create or replace table stg_misses (
    conversation_id varchar, sla varchar, started_no bigint, missed_no bigint
);
