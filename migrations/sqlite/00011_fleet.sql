-- Runtimes, what they are to follow, and the evidence they deliver. Times are
-- microseconds since 1970 in UTC.

-- +goose Up
CREATE TABLE runtime (
    tenant      TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    public_key  TEXT    NOT NULL, -- base64 of the raw Ed25519 key
    enrolled_at INTEGER NOT NULL,
    last_seen   INTEGER,          -- NULL: never reported
    report      TEXT    NOT NULL, -- its last report, JSON
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, name)
) STRICT, WITHOUT ROWID;

-- What the hub adds to a runtime's own subscriptions.
CREATE TABLE runtime_subscription (
    tenant       TEXT    NOT NULL,
    runtime      TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant, runtime, subscription),
    FOREIGN KEY (tenant, runtime) REFERENCES runtime (tenant, id)
) STRICT, WITHOUT ROWID;

-- How far the hub has each journal: every record up to acked_through.
CREATE TABLE journal (
    tenant        TEXT    NOT NULL,
    runtime       TEXT    NOT NULL,
    journal       TEXT    NOT NULL,
    acked_through INTEGER NOT NULL,
    malformed     INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    PRIMARY KEY (tenant, runtime, journal),
    FOREIGN KEY (tenant, runtime) REFERENCES runtime (tenant, id)
) STRICT, WITHOUT ROWID;

-- What was signed: root and signature cover the records first_seq to
-- first_seq + records - 1.
CREATE TABLE batch (
    id          INTEGER PRIMARY KEY,
    tenant      TEXT    NOT NULL,
    runtime     TEXT    NOT NULL,
    journal     TEXT    NOT NULL,
    first_seq   INTEGER NOT NULL,
    records     INTEGER NOT NULL,
    root        TEXT    NOT NULL,
    signature   TEXT    NOT NULL,
    received_at INTEGER NOT NULL
) STRICT;

CREATE INDEX batch_by_journal ON batch (tenant, runtime, journal, first_seq);

-- One row a journal record. record holds the journal's own bytes; the other
-- columns repeat what is asked for. Ids are in the order of arrival.
CREATE TABLE event (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant     TEXT    NOT NULL,
    runtime    TEXT    NOT NULL,
    journal    TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    batch      INTEGER NOT NULL REFERENCES batch (id),
    kind       TEXT    NOT NULL, -- 'malformed' where the record is not readable
    problem    TEXT    NOT NULL, -- why it is not readable
    request_id TEXT    NOT NULL,
    agent      TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    record     BLOB    NOT NULL,
    UNIQUE (tenant, runtime, journal, seq)
) STRICT;

CREATE INDEX event_decision ON event (tenant, id) WHERE kind IN ('decision', 'evaluation');
CREATE INDEX event_decision_by_request ON event (tenant, request_id, id) WHERE kind IN ('decision', 'evaluation') AND request_id <> '';
CREATE INDEX event_decision_by_runtime ON event (tenant, runtime, id) WHERE kind IN ('decision', 'evaluation');
CREATE INDEX event_decision_by_agent ON event (tenant, agent, id) WHERE kind IN ('decision', 'evaluation') AND agent <> '';
CREATE INDEX event_gap ON event (tenant, runtime, journal, seq) WHERE kind = 'gap';

-- Posture is counted as evidence arrives: asking for it must not read the
-- evidence. Days are counted since 1970 in UTC.
CREATE TABLE posture_control (
    tenant     TEXT    NOT NULL,
    framework  TEXT    NOT NULL,
    control    TEXT    NOT NULL,
    day        INTEGER NOT NULL,
    decisions  INTEGER NOT NULL,
    allowed    INTEGER NOT NULL,
    denied     INTEGER NOT NULL,
    violations INTEGER NOT NULL,
    low        INTEGER NOT NULL,
    medium     INTEGER NOT NULL,
    high       INTEGER NOT NULL,
    critical   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    PRIMARY KEY (tenant, framework, control, day)
) STRICT, WITHOUT ROWID;

-- Decisions that touched any control of a framework: not the sum of its
-- controls, because one decision touches several.
CREATE TABLE posture_framework (
    tenant    TEXT    NOT NULL,
    framework TEXT    NOT NULL,
    day       INTEGER NOT NULL,
    decisions INTEGER NOT NULL,
    PRIMARY KEY (tenant, framework, day)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE posture_framework;
DROP TABLE posture_control;
DROP TABLE event;
DROP TABLE batch;
DROP TABLE journal;
DROP TABLE runtime_subscription;
DROP TABLE runtime;
