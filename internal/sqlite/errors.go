package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/ai-agent-mesh/mesh"
)

// mapError is the one place where errors of the database become ours. An
// error that already has a code keeps it: the store that set it knew more.
func mapError(err error) error {
	if err == nil {
		return nil
	}
	var ours *mesh.Error
	if errors.As(err, &ours) {
		return err
	}
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return mesh.Errorf(mesh.CodeNotFound, "no such row: %w", err)
	case errors.Is(err, context.Canceled):
		return mesh.Errorf(mesh.CodeCanceled, "canceled: %w", err)
	case errors.Is(err, context.DeadlineExceeded):
		return mesh.Errorf(mesh.CodeUnavailable, "the database did not answer in time: %w", err)
	case errors.Is(err, errClosed):
		return mesh.Errorf(mesh.CodeUnavailable, "the program is shutting down: %w", err)
	case errors.Is(err, syscall.ENOSPC):
		return diskFull(err)
	case errors.Is(err, fs.ErrPermission):
		return notWritable(err)
	}
	var lerr *sqlite.Error
	if !errors.As(err, &lerr) {
		return err
	}
	// The lower byte is the kind, the rest the detail.
	switch lerr.Code() & 0xff {
	case lib.SQLITE_CONSTRAINT:
		return mapConstraint(lerr.Code(), err)
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return mesh.Errorf(mesh.CodeUnavailable, "the database is locked by another program: %w", err).
			WithHint("try again; if it stays, stop the other program that has the file open")
	case lib.SQLITE_FULL:
		return diskFull(err)
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
		return notWritable(err)
	case lib.SQLITE_INTERRUPT:
		return mesh.Errorf(mesh.CodeCanceled, "canceled: %w", err)
	case lib.SQLITE_TOOBIG:
		return mesh.Errorf(mesh.CodeTooLarge, "a value is larger than the database holds: %w", err)
	case lib.SQLITE_NOTADB, lib.SQLITE_CORRUPT:
		return mesh.Errorf(mesh.CodeInternal, "the database file is damaged: %w", err).
			WithHint("restore it from a backup")
	}
	return err
}

// mapConstraint tells a row that is there already from a row that contradicts
// the schema; the latter is a fault of ours.
func mapConstraint(code int, err error) error {
	switch code {
	case lib.SQLITE_CONSTRAINT_PRIMARYKEY, lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_ROWID:
		return mesh.Errorf(mesh.CodeConflict, "it exists already: %w", err)
	case lib.SQLITE_CONSTRAINT_FOREIGNKEY:
		return mesh.Errorf(mesh.CodeConflict, "something it refers to is missing, or something refers to it: %w", err)
	}
	return err
}

func diskFull(err error) error {
	return mesh.Errorf(mesh.CodeUnavailable, "the disk of the database is full: %w", err).
		WithHint("free some space; nothing of the request was stored")
}

func notWritable(err error) error {
	return mesh.Errorf(mesh.CodeUnavailable, "the database cannot be opened for writing: %w", err).
		WithHint("check that the data directory exists and belongs to the user the program runs as")
}
