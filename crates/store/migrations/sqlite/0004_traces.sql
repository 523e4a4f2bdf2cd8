-- Where the trace of an effect goes on: ids of spans, as the gateway wrote them. Null when nobody keeps
-- traces, which costs a row one byte. A dead letter that is sent again begins without.
ALTER TABLE outbox ADD COLUMN trace BLOB;
