-- A page of history may begin and end between the events that stand after one message.
DROP INDEX room_events_after_seq;
CREATE INDEX room_events_place ON room_events (room_id, after_seq, change);
