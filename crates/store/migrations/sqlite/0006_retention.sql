-- Wrapped keys have a file of their own (`keys/0001_start.sql`), which backups of this one leave out; they
-- were copied there, and made durable, before this runs. What a sweep must know of a segment stands here:
-- `session` is the live chat it holds, null for bot talk; `since` is when its first entry was taken in.
-- `last` is the row of its last entry, null for the newest segment of a conversation: that one's is the
-- conversation's `head`. `shredded`: 0 no, 1 the key is gone, 2 so are the bytes of its entries.
-- Rows are kept as long as their conversation.
CREATE INDEX session_conversation ON session (conversation);
CREATE INDEX dead_letter_conversation ON dead_letter (conversation);

ALTER TABLE segment ADD COLUMN session TEXT;
ALTER TABLE segment ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE segment ADD COLUMN last INTEGER;
ALTER TABLE segment ADD COLUMN shredded INTEGER NOT NULL DEFAULT 0 CHECK (shredded IN (0, 1, 2));
UPDATE segment SET shredded = 1 WHERE wrapped_key IS NULL;
ALTER TABLE segment DROP COLUMN wrapped_key;

UPDATE segment
SET since = grouped.since, last = grouped.last
FROM (SELECT segment, min(at) AS since, max(id) AS last FROM log GROUP BY segment) AS grouped
WHERE grouped.segment = segment.id;

-- Whatever touches a live chat counts as one: it is kept no shorter.
UPDATE segment
SET session = (
    SELECT s.id
    FROM session s
    WHERE s.conversation = segment.conversation
        AND s.opened_at <= (SELECT at FROM log WHERE id = segment.last)
        AND (s.ended_at IS NULL OR s.ended_at >= segment.since)
    ORDER BY s.opened_at DESC
    LIMIT 1
);
UPDATE segment SET last = NULL WHERE id IN (SELECT max(id) FROM segment GROUP BY conversation);

CREATE INDEX segment_conversation ON segment (conversation);

-- What a sweep empties next: few rows, or none.
CREATE INDEX segment_shredded ON segment (id) WHERE shredded = 1;

-- Conversations that are forgotten: nobody finds them any more, and what is left of them goes piece by
-- piece. A row leaves with the last piece.
CREATE TABLE forgotten (
    conversation INTEGER PRIMARY KEY
) STRICT;

-- Ended sessions, oldest first: what a sweep forgets.
CREATE INDEX session_ended ON session (tenant, ended_at) WHERE ended_at IS NOT NULL;

-- What free pages of the file are overwritten with when somebody is forgotten; empty but for that moment.
CREATE TABLE filler (
    id    INTEGER PRIMARY KEY,
    zeros BLOB NOT NULL
) STRICT;
