DROP INDEX change_events_by_unit;
DROP INDEX workspace_states_by_time;
