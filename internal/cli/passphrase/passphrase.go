// Package passphrase finds the password of a private key file: in
// COSIGN_PASSWORD, where that is set, or by asking on a terminal. It is never
// a flag, because other users of the machine see flags.
package passphrase

import (
	"bytes"
	"context"
	"fmt"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/registry/sign"
)

// maxBytes bounds a password.
const maxBytes = 4 << 10

// Get returns the password of an existing key.
func Get(ctx context.Context, env *command.Env, file string) ([]byte, error) {
	if password, ok, err := given(env); ok || err != nil {
		return password, err
	}
	return ask(ctx, env, "Password of "+file+": ")
}

// New returns the password for a new key, asked for twice.
func New(ctx context.Context, env *command.Env) ([]byte, error) {
	if password, ok, err := given(env); ok || err != nil {
		return password, err
	}
	first, err := ask(ctx, env, "Password for the new key (empty for none): ")
	if err != nil {
		return nil, err
	}
	second, err := ask(ctx, env, "Again: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, second) {
		return nil, mesh.Errorf(mesh.CodeInvalid, "the passwords differ; no key was made")
	}
	return first, nil
}

// given returns the password in the environment; an error says that there is
// none and nobody to ask.
func given(env *command.Env) (password []byte, ok bool, err error) {
	if value, ok := env.LookupEnv(sign.PasswordVariable); ok {
		return []byte(value), true, nil
	}
	if !env.IO.InIsTerminal() {
		return nil, false, mesh.Errorf(mesh.CodeInvalid, "the key needs a password and there is no terminal to ask on").
			WithHint("set " + sign.PasswordVariable + "; set it empty for a key without password")
	}
	return nil, false, nil
}

func ask(ctx context.Context, env *command.Env, prompt string) ([]byte, error) {
	password, err := env.IO.ReadSecret(ctx, prompt, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("reading the password: %w", err)
	}
	return bytes.TrimRight(password, "\r\n"), nil
}
