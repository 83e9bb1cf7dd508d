package auth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/durable"
)

// AdminTokenFile is the name of the file in the data directory that holds the
// administrator's token.
const AdminTokenFile = "admin-token"

// secretFileMode keeps a secret to the user the hub runs as.
const secretFileMode = 0o600

// EnsureAdmin makes sure that the tenant has an administrator whose token
// stands in the file at path. On first start it makes one. An operator may
// remove the file once the token is kept elsewhere: it is not made again
// while the store knows an administrator. created reports whether the file
// was written.
func EnsureAdmin(ctx context.Context, store TokenStore, tenant mesh.TenantID, path string, now time.Time) (created bool, err error) {
	known, err := store.HasAdmin(ctx, tenant)
	if err != nil {
		return false, fmt.Errorf("looking for an administrator: %w", err)
	}
	if known {
		return false, nil
	}
	token, err := readTokenFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		token, created = NewToken(KindAdmin), true
		// The file comes first: a token that only the store knows would lock
		// everybody out.
		if err := durable.WriteFile(path, []byte(token.Reveal()+"\n"), secretFileMode); err != nil {
			return false, err
		}
	case err != nil:
		return false, err
	}
	err = store.PutToken(ctx, StoredToken{Hash: token.Hash(), Principal: Principal{Kind: KindAdmin, Tenant: tenant}, CreatedAt: now})
	if err != nil {
		return created, fmt.Errorf("registering the administrator's token: %w", err)
	}
	return created, nil
}

// readTokenFile reads a token file that an earlier start wrote, and refuses
// one that others may read.
func readTokenFile(path string) (Token, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Token{}, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Token{}, mesh.Errorf(mesh.CodeInvalid, "%s can be read by others (mode %v)", path, info.Mode().Perm()).
			WithHint("run `chmod 600` on it, or remove it to get a new token if somebody may have seen it")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Token{}, err
	}
	token, err := ParseToken(strings.TrimSpace(string(data)))
	if err != nil {
		return Token{}, mesh.Errorf(mesh.CodeInvalid, "%s does not hold a token", path).
			WithHint("remove the file; the hub then makes a new one")
	}
	return token, nil
}
