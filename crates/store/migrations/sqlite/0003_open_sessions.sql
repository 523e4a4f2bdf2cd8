-- Open live chats, a page at a time: after a gap all of them are looked at, and ended ones are many.
CREATE INDEX session_open ON session (id) WHERE ended_at IS NULL;
