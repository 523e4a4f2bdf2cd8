-- A look for what is due costs what is due, not what is kept.
-- `tenant` is that of the segment's conversation, whose rules say when it is due. `rest` is the row at which
-- emptying goes on; null before it has begun and when it is over. It stood in `last` until now, so that what
-- was emptied in pieces had lost its end, and its newest rows stayed when its conversation was forgotten.
ALTER TABLE segment ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE segment ADD COLUMN rest INTEGER;

UPDATE segment
SET tenant = owner.tenant
FROM conversation_key AS owner
WHERE owner.id = segment.conversation;

-- The end of a conversation's newest segment is the conversation's; of one that is forgotten it is not, see below.
UPDATE segment
SET last = grouped.last
FROM (
    SELECT segment, max(id) AS last
    FROM log
    WHERE segment IN (
        SELECT id
        FROM segment
        WHERE shredded > 0 AND last IS NOT NULL
            AND id NOT IN (SELECT max(id) FROM segment GROUP BY conversation)
    )
    GROUP BY segment
) AS grouped
WHERE grouped.segment = segment.id;

UPDATE segment
SET last = NULL
WHERE shredded > 0 AND last IS NOT NULL
    AND id IN (SELECT max(id) FROM segment GROUP BY conversation)
    AND conversation NOT IN (SELECT conversation FROM forgotten);

-- A conversation that is forgotten goes newest row first, so of its segments only the newest that is left may have
-- lost rows: from `last` upwards, but for those that emptying had passed, which stayed and are found by nobody.
DELETE FROM log
WHERE segment NOT IN (SELECT id FROM segment)
    OR (
        segment IN (
            SELECT max(id)
            FROM segment
            WHERE conversation IN (SELECT conversation FROM forgotten)
            GROUP BY conversation
        )
        AND id > (SELECT s.last FROM segment s WHERE s.id = log.segment)
    );

-- Segments that can be read, a tenant's oldest first.
CREATE INDEX segment_talk ON segment (tenant, since) WHERE shredded = 0 AND session IS NULL;
CREATE INDEX segment_chat ON segment (tenant, since) WHERE shredded = 0 AND session IS NOT NULL;

-- Newest segments of conversations of which nothing can be read any more: a conversation that is dead has one.
CREATE INDEX segment_over ON segment (since) WHERE shredded = 2 AND last IS NULL;

-- Dead letters, oldest first.
CREATE INDEX dead_letter_at ON dead_letter (at);

-- What a person's data are found by.
CREATE INDEX conversation_key_user ON conversation_key (tenant, user);
CREATE INDEX session_user ON session (tenant, user, conversation);
