-- The catalog: what the hub made of what the registry holds, and how it is
-- found. Times are microseconds since 1970 in UTC; lists are JSON.

-- +goose Up
CREATE TABLE namespace (
    tenant     TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    visibility TEXT    NOT NULL CHECK (visibility IN ('public', 'private')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE namespace_key (
    tenant      TEXT    NOT NULL,
    namespace   TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL, -- sha256 of the DER form, hexadecimal
    algorithm   TEXT    NOT NULL,
    public_key  TEXT    NOT NULL, -- PEM
    added_at    INTEGER NOT NULL,
    revoked_at  INTEGER,          -- NULL: in use
    PRIMARY KEY (tenant, namespace, fingerprint),
    FOREIGN KEY (tenant, namespace) REFERENCES namespace (tenant, name)
) STRICT, WITHOUT ROWID;

-- Namespaces whose releases have to be looked at again because their keys
-- changed; written in the transaction of the change.
CREATE TABLE namespace_recheck (
    tenant       TEXT    NOT NULL,
    namespace    TEXT    NOT NULL,
    requested_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, namespace)
) STRICT, WITHOUT ROWID;

-- When the hub first saw a signature. A key that was revoked later still
-- vouches for it.
CREATE TABLE signature_sighting (
    tenant     TEXT    NOT NULL,
    repository TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    referrer   TEXT    NOT NULL,
    seen_at    INTEGER NOT NULL,
    PRIMARY KEY (tenant, repository, subject, referrer)
) STRICT, WITHOUT ROWID;

-- One row a version. id joins it with the full-text tables, which know only
-- numbers.
CREATE TABLE release (
    id           INTEGER PRIMARY KEY,
    tenant       TEXT    NOT NULL,
    namespace    TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    version      TEXT    NOT NULL,
    version_key  TEXT    NOT NULL, -- sorts as versions do
    prerelease   INTEGER NOT NULL,
    digest       TEXT    NOT NULL,
    title        TEXT    NOT NULL,
    summary      TEXT    NOT NULL,
    vendor       TEXT    NOT NULL,
    licence      TEXT    NOT NULL,
    frameworks   TEXT    NOT NULL,
    modes        TEXT    NOT NULL,
    controls     TEXT    NOT NULL,
    rules        TEXT    NOT NULL,
    signed_by    TEXT    NOT NULL,
    readme       TEXT    NOT NULL,
    words        TEXT    NOT NULL, -- what search finds beyond the fields above
    status       TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    trust_state  TEXT    NOT NULL, -- what status was concluded from
    published_at INTEGER NOT NULL,
    -- Of which choices it is the newest of its bundle, as bits:
    -- 1 among those of its status, 2 among the listed ones, 4 among all.
    newest       INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, namespace, name, version)
) STRICT;

CREATE INDEX release_by_version ON release (tenant, namespace, name, version_key);
CREATE INDEX release_by_digest ON release (tenant, digest);
CREATE INDEX release_newest ON release (tenant, newest) WHERE newest <> 0;

CREATE TABLE release_framework (
    tenant    TEXT    NOT NULL,
    framework TEXT    NOT NULL,
    release   INTEGER NOT NULL REFERENCES release (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant, framework, release)
) STRICT, WITHOUT ROWID;

CREATE INDEX release_framework_by_release ON release_framework (release);

-- Control ids break every text analyser, so they have a table of their own.
CREATE TABLE release_control (
    tenant    TEXT    NOT NULL,
    label     TEXT    NOT NULL, -- the local id, reduced to its parts
    framework TEXT    NOT NULL,
    control   TEXT    NOT NULL,
    release   INTEGER NOT NULL REFERENCES release (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant, label, framework, release)
) STRICT, WITHOUT ROWID;

CREATE INDEX release_control_by_release ON release_control (release);

-- What search reads: releases that are the newest of some choice. The index
-- holds no text of its own.
CREATE VIRTUAL TABLE release_text USING fts5 (
    title, name, summary, frameworks, controls, readme,
    content = '', contentless_delete = 1,
    tokenize = 'porter unicode61 remove_diacritics 2', prefix = '2 3'
);

-- The words as they are written, for correcting misspelt ones. Only of
-- listed releases in public namespaces: a correction must not betray others.
CREATE VIRTUAL TABLE release_word USING fts5 (
    words,
    content = '', contentless_delete = 1, detail = none,
    tokenize = 'unicode61 remove_diacritics 2'
);

CREATE VIRTUAL TABLE release_vocabulary USING fts5vocab (release_word, 'row');

-- +goose Down
DROP TABLE release_vocabulary;
DROP TABLE release_word;
DROP TABLE release_text;
DROP TABLE release_control;
DROP TABLE release_framework;
DROP TABLE release;
DROP TABLE signature_sighting;
DROP TABLE namespace_recheck;
DROP TABLE namespace_key;
DROP TABLE namespace;
