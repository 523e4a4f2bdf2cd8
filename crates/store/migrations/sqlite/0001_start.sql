-- Times are milliseconds since 1970, UTC. Texts that others chose stay as they came.

-- One user and one bot on one channel: where they stand; the unit of locking.
-- This row is written with every message, and its whole page with it, so what never changes is in
-- `conversation_key`. `head` is the row of the log's newest entry, `anchor` the row of its newest
-- entry whose number is a multiple of 64. `recent` holds the newest answers to repeats; `spilled`
-- says that older ones went to `repeat`.
-- Rows are kept: the log's numbers and the state go on as long as the user may come back.
CREATE TABLE conversation (
    id           INTEGER PRIMARY KEY,
    head         INTEGER,
    head_number  INTEGER NOT NULL DEFAULT 0 CHECK (head_number >= 0),
    anchor       INTEGER,
    segment      INTEGER REFERENCES segment (id),
    deadline     INTEGER,
    set_aside    INTEGER NOT NULL DEFAULT 0 CHECK (set_aside IN (0, 1)),
    spilled      INTEGER NOT NULL DEFAULT 0 CHECK (spilled IN (0, 1)),
    recent       BLOB    NOT NULL DEFAULT x'',
    state        BLOB,
    CHECK ((head IS NULL) = (head_number = 0)),
    CHECK ((anchor IS NULL) = (head_number < 64))
) STRICT;

-- What the clock looks for. A save that leaves the deadline as it was does not name these columns:
-- SQLite would write the index again.
CREATE INDEX conversation_deadline ON conversation (deadline)
    WHERE deadline IS NOT NULL AND set_aside = 0;

-- What a start gives another try: few rows, or none.
CREATE INDEX conversation_set_aside ON conversation (set_aside) WHERE set_aside = 1;

-- What a conversation is found by. Never written again once it is made.
-- Rows are kept as long as their conversation.
CREATE TABLE conversation_key (
    id           INTEGER PRIMARY KEY REFERENCES conversation (id),
    tenant       TEXT    NOT NULL,
    channel      TEXT    NOT NULL,
    bot          TEXT    NOT NULL,
    conversation TEXT    NOT NULL,
    user         TEXT    NOT NULL,
    UNIQUE (tenant, channel, bot, conversation, user)
) STRICT;

-- A stretch of a log, sealed under one data key.
-- Rows are kept; shredding empties `wrapped_key`, which makes the segment's entries unreadable.
CREATE TABLE segment (
    id           INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversation (id),
    wrapped_key  BLOB
) STRICT;

-- The numbered messages of all conversations, appended only.
-- There is no index on (conversation, number): in the commit path it costs three to five times.
-- Reads go back from `conversation.head` along `prev`; every 64th entry also names the entry 64
-- before it in `skip`, so that a page in the middle of a long log is found quickly. `sealed` comes
-- last, so that following the chain does not read it.
-- Rows are kept; a shredded segment makes its rows gaps.
CREATE TABLE log (
    id           INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversation (id),
    number       INTEGER NOT NULL CHECK (number > 0),
    prev         INTEGER,
    skip         INTEGER,
    at           INTEGER NOT NULL,
    segment      INTEGER NOT NULL REFERENCES segment (id),
    sealed       BLOB    NOT NULL,
    CHECK ((prev IS NULL) = (number = 1)),
    CHECK ((skip IS NULL) = (number <= 64 OR number % 64 <> 0))
) STRICT;

-- Live chats, open and ended, for look-up and late news.
-- Rows are kept.
CREATE TABLE session (
    id           TEXT    PRIMARY KEY NOT NULL,
    conversation INTEGER NOT NULL REFERENCES conversation (id),
    tenant       TEXT    NOT NULL,
    desk         TEXT    NOT NULL,
    user         TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    opened_at    INTEGER NOT NULL,
    ended_at     INTEGER
) STRICT, WITHOUT ROWID;

-- Who holds which person at which desk: one live chat each.
-- The session that holds a row deletes it when it lets go. A row whose session has ended and has
-- nothing left in the outbox is void; whoever takes the person next replaces it.
CREATE TABLE hold (
    tenant  TEXT NOT NULL,
    desk    TEXT NOT NULL,
    user    TEXT NOT NULL,
    session TEXT NOT NULL REFERENCES session (id),
    PRIMARY KEY (tenant, desk, user)
) STRICT, WITHOUT ROWID;

-- What the first of several equal requests was told, when it is too old for `conversation.recent`.
-- Rows arrive many at a time from one conversation, so that they share pages.
-- The sweeper deletes old rows; it goes round along the primary key, so `at` needs no index.
CREATE TABLE repeat (
    conversation INTEGER NOT NULL REFERENCES conversation (id),
    key          INTEGER NOT NULL,
    number       INTEGER NOT NULL CHECK (number >= 0),
    at           INTEGER NOT NULL,
    PRIMARY KEY (conversation, key)
) STRICT, WITHOUT ROWID;

-- Effects that wait or are being attempted. The order of a lane is the order of its ids, so an id
-- is never used twice. `strike_wanted` is a strike that found the row leased for its first attempt: it
-- hits if that attempt is given back.
-- A row leaves when its effect is settled or becomes a dead letter.
CREATE TABLE outbox (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation  INTEGER NOT NULL REFERENCES conversation (id),
    number        INTEGER NOT NULL CHECK (number >= 0),
    lane          TEXT    NOT NULL,
    session       TEXT,
    at            INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    attempts      INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    not_before    INTEGER NOT NULL DEFAULT 0,
    lease_boot    INTEGER,
    lease_until   INTEGER,
    struck        INTEGER NOT NULL DEFAULT 0 CHECK (struck IN (0, 1)),
    strike_wanted INTEGER NOT NULL DEFAULT 0 CHECK (strike_wanted IN (0, 1)),
    body          BLOB    NOT NULL,
    CHECK ((lease_boot IS NULL) = (lease_until IS NULL))
) STRICT;

-- The head of a lane; the row id, which every index ends in, keeps the order.
CREATE INDEX outbox_lane ON outbox (lane);

-- What a strike looks for. Only effects of live chats can be struck.
CREATE INDEX outbox_session ON outbox (conversation) WHERE session IS NOT NULL;

-- Effects that finally failed, for a person to see.
-- `decided_at` is the outbox's `at`, for the case that it goes back there.
-- Rows are kept until an operator has dealt with them.
CREATE TABLE dead_letter (
    id           INTEGER PRIMARY KEY,
    effect       INTEGER NOT NULL UNIQUE,
    conversation INTEGER NOT NULL REFERENCES conversation (id),
    number       INTEGER NOT NULL,
    lane         TEXT    NOT NULL,
    session      TEXT,
    attempts     INTEGER NOT NULL,
    reason       TEXT    NOT NULL,
    decided_at   INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    body         BLOB    NOT NULL
) STRICT;

-- Small named values of the installation itself.
-- Whoever keeps a value replaces it; rows are not deleted.
CREATE TABLE setting (
    name  TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
