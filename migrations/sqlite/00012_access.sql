-- Who may call the hub, and what was answered to requests that may be
-- repeated. Times are microseconds since 1970 in UTC.

-- +goose Up
-- Tokens are kept as their SHA-256 only. The hash is the key, without the
-- tenant before it: it is what tells whose tenant a caller belongs to.
CREATE TABLE access_token (
    hash       BLOB    NOT NULL PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('admin', 'runtime')),
    runtime    TEXT    NOT NULL, -- '' unless kind is runtime
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX access_token_by_tenant ON access_token (tenant, kind, runtime);

-- Answers to requests with an Idempotency-Key. body is sealed with a key made
-- of the caller's token, because an answer may hold a secret.
CREATE TABLE stored_response (
    tenant       TEXT    NOT NULL,
    principal    TEXT    NOT NULL,
    key_hash     BLOB    NOT NULL,
    request_hash BLOB    NOT NULL,
    status       INTEGER NOT NULL,
    body         BLOB    NOT NULL,
    expires_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant, principal, key_hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX stored_response_by_expiry ON stored_response (tenant, expires_at);

-- +goose Down
DROP TABLE stored_response;
DROP TABLE access_token;
