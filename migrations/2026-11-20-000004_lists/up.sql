-- What the lists of states and of changes read in order.
CREATE INDEX workspace_states_by_time ON workspace_states (organization_id, deployment_id, time, serial, fence);
CREATE INDEX change_events_by_unit ON change_events (organization_id, business_unit_id, xid, position);
