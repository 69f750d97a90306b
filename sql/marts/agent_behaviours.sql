-- agent_behaviours: one row per UTC day, agent, queue and behaviour (day, agent, queue, behaviour):
-- how often it was seen, out of how many chances. A hint to look, no verdict.
--
-- closes_without_reply     closes of conversations that no person had replied to, of closes
-- releases_without_reply   releases of a conversation the agent had not replied to, of assignments
-- quick_releases           releases within a minute of the assignment, of assignments
-- passed_over              claims made while another wait of the queue had had nobody for longer, of
--                          claims of waiting conversations (cherry-picking)
-- long_conversations       conversations with over 30 minutes of active handle time, of those with
--                          any, on the day of the last reply
-- quiet_hours              hours between the first and the last reply of the day with under half
--                          of that day's mean, of these hours (uneven activity)
-- collisions               replies within two minutes of another agent's to the same wait, of replies
with

final as (
    select * from behaviours_between(null, null)
)

select * from final
