-- The bundles that a release extends, as its config names them.

-- +goose Up
ALTER TABLE release ADD COLUMN extends TEXT NOT NULL DEFAULT '[]';
