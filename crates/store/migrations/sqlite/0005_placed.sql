-- Under which ids a channel shows what is in the log, for those that are brought it: so that it can be
-- changed, taken back and referred to. Rows arrive at the end; the sweeper deletes the oldest.
CREATE TABLE placed (
    id           INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversation (id),
    number       INTEGER NOT NULL CHECK (number > 0),
    placed_as    TEXT    NOT NULL,
    at           INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX placed_number ON placed (conversation, number);

-- The same id may be given twice, where a channel counts anew; the newest counts.
CREATE INDEX placed_as ON placed (conversation, placed_as);
