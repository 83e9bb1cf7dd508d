-- The OCI registry: what repositories hold, and what still has to be told to
-- the rest of the hub. Blobs' bytes are files, manifests' bytes are here.
-- Times are microseconds since 1970 in UTC.

-- +goose Up
CREATE TABLE repository (
    tenant     TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;

-- Which blobs can be pulled through which repository: the bytes are shared
-- within a tenant, the right to see them is not.
CREATE TABLE repository_blob (
    tenant     TEXT    NOT NULL,
    repository TEXT    NOT NULL,
    digest     TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, repository, digest),
    FOREIGN KEY (tenant, repository) REFERENCES repository (tenant, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX repository_blob_by_digest ON repository_blob (tenant, digest);

CREATE TABLE manifest (
    tenant        TEXT    NOT NULL,
    repository    TEXT    NOT NULL,
    digest        TEXT    NOT NULL,
    media_type    TEXT    NOT NULL,
    artifact_type TEXT    NOT NULL, -- the config's media type where the manifest names none
    subject       TEXT    NOT NULL, -- digest, '' for none; need not exist
    annotations   TEXT    NOT NULL, -- JSON object
    size          INTEGER NOT NULL,
    body          BLOB    NOT NULL,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (tenant, repository, digest),
    FOREIGN KEY (tenant, repository) REFERENCES repository (tenant, name)
) STRICT;

-- The referrers of a manifest, in the order they are listed.
CREATE INDEX manifest_by_subject ON manifest (tenant, repository, subject, digest) WHERE subject <> '';

-- What a manifest needs to be complete: its config and layers, or the
-- manifests of an index. Its subject is not needed and not here.
CREATE TABLE manifest_reference (
    tenant     TEXT NOT NULL,
    repository TEXT NOT NULL,
    manifest   TEXT NOT NULL,
    digest     TEXT NOT NULL,
    PRIMARY KEY (tenant, repository, manifest, digest),
    FOREIGN KEY (tenant, repository, manifest) REFERENCES manifest (tenant, repository, digest) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX manifest_reference_by_digest ON manifest_reference (tenant, repository, digest);

CREATE TABLE tag (
    tenant     TEXT    NOT NULL,
    repository TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    digest     TEXT    NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, repository, name),
    FOREIGN KEY (tenant, repository, digest) REFERENCES manifest (tenant, repository, digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX tag_by_digest ON tag (tenant, repository, digest);

-- What a deleted version meant. It may come back, but never as something else.
CREATE TABLE tag_tombstone (
    tenant     TEXT    NOT NULL,
    repository TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    digest     TEXT    NOT NULL,
    deleted_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, repository, name)
) STRICT, WITHOUT ROWID;

-- What happened and still has to be worked on, written in the transaction in
-- which it happened. Ids only grow.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant     TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    repository TEXT    NOT NULL,
    digest     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    tags       TEXT    NOT NULL, -- JSON array
    created_at INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    last_error TEXT    NOT NULL DEFAULT ''
) STRICT;

-- +goose Down
DROP TABLE outbox;
DROP TABLE tag_tombstone;
DROP TABLE tag;
DROP TABLE manifest_reference;
DROP TABLE manifest;
DROP TABLE repository_blob;
DROP TABLE repository;
