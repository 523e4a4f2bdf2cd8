-- Conversations in which nothing was ever said are forgotten as well: a page opened them, or an app was installed,
-- and no word followed. They have no segment, so nothing led to them.
-- `silent_of` is the tenant, whose rules say when, and `silent_since` the moment at which one was made or last
-- touched; both are null from the first word on. They are written when the row is, and never with a message.
ALTER TABLE conversation ADD COLUMN silent_of TEXT;
ALTER TABLE conversation ADD COLUMN silent_since INTEGER;

-- Nobody kept when those of before were made. From now on is never too soon, and no later than it would be for one
-- that is made today. One whose key is gone is forgotten already; what the journal knows better it says later.
UPDATE conversation
SET silent_of = owner.tenant, silent_since = unixepoch() * 1000
FROM conversation_key AS owner
WHERE owner.id = conversation.id AND conversation.head IS NULL;

-- A tenant's longest silent first. Whoever talks is in no index.
CREATE INDEX conversation_silent ON conversation (silent_of, silent_since) WHERE silent_since IS NOT NULL;
