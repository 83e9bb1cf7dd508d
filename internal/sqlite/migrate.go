package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"

	"github.com/ai-agent-mesh/mesh"
)

// migrate applies the missing migrations on a connection of its own, which it
// closes.
func migrate(ctx context.Context, dsn string, files fs.FS) (err error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()

	// The global registry is off: what is applied is what the caller gave.
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > newest {
		return mesh.Errorf(mesh.CodeUnsupported, "its schema has version %d, this program knows only up to %d", current, newest).
			WithHint("use the newer program that wrote it, or restore the backup made before the upgrade")
	}
	_, err = provider.Up(ctx)
	return err
}
