// Package session says which hub a command talks to, and as whom.
//
// A command adds [AddFlags] to its flags and calls [Open]. The address comes
// from --hub, MESH_HUB, the last login or the default, in this order. The token
// comes from --token-file, MESH_TOKEN, MESH_TOKEN_FILE or what `mesh login`
// stored for exactly that hub: a stored token never goes to another address.
//
// Credentials do not cross a network readable: http is accepted to this
// machine, and elsewhere only where somebody has typed --insecure-http-unsafe.
package session

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
)

// DefaultHub is the address of a hub on its own defaults.
const DefaultHub = "http://127.0.0.1:8080"

// SourceLogin is the [Session.Source] of a stored token.
const SourceLogin = "mesh login"

// tokenVariable is the environment variable that holds a token.
const tokenVariable = "MESH_TOKEN"

// MaxTokenBytes bounds a token file and what is read from standard input.
const MaxTokenBytes = 8 << 10

// requestTimeout bounds one request to the hub. It is longer than the longest
// a request may wait for a change.
const requestTimeout = hubapi.MaxWait + 30*time.Second

// Flags are the flags of every command that talks to a hub.
type Flags struct {
	Hub                string
	TokenFile          string
	InsecureHTTPUnsafe bool
}

// AddFlags adds the flags to a command.
func AddFlags(cmd *cobra.Command, f *Flags) {
	flags := cmd.Flags()
	flags.StringVar(&f.Hub, "hub", "", "`address` of the hub (env MESH_HUB; default: the last login's, else "+DefaultHub+")")
	flags.StringVar(&f.TokenFile, "token-file", "", "`file` that holds the token for the hub (env MESH_TOKEN or MESH_TOKEN_FILE; default: the login's)")
	flags.BoolVar(&f.InsecureHTTPUnsafe, "insecure-http-unsafe", false, "send the token over http, readable by everybody on the way, to a hub beyond this machine")
	command.BindEnv(flags, "hub", "MESH_HUB")
	command.BindEnv(flags, "insecure-http-unsafe", "MESH_INSECURE_HTTP_UNSAFE")
}

// Session is a hub and the credentials for it.
type Session struct {
	Hub    *url.URL // without a path at its end
	Token  string   // empty: anonymous
	Source string   // where the token is from, for people; empty without a token
}

// Open resolves the flags. It does not connect. The error is one of usage, or
// about a token that cannot be read.
func Open(env *command.Env, f Flags) (*Session, error) {
	hub, login, err := Lookup(env, f.Hub)
	if err != nil {
		return nil, err
	}
	if err := CheckTransport(hub, f.InsecureHTTPUnsafe || login.InsecureHTTPUnsafe); err != nil {
		return nil, err
	}
	s := &Session{Hub: hub}
	s.Token, s.Source, err = token(env, f, login)
	return s, err
}

// Lookup returns the hub that an address means, which may be empty, and what
// is stored for it: the zero [Login] if nothing is.
func Lookup(env *command.Env, address string) (*url.URL, Login, error) {
	logins, err := NewStore(env).Load()
	if err != nil {
		return nil, Login{}, err
	}
	hub, err := ParseHub(cmp.Or(address, logins.Current, DefaultHub))
	if err != nil {
		return nil, Login{}, err
	}
	return hub, logins.Hubs[hub.String()], nil
}

// token finds the credentials: the first source that says anything wins.
func token(env *command.Env, f Flags, login Login) (tok, source string, err error) {
	if f.TokenFile != "" {
		tok, err = ReadTokenFile(f.TokenFile)
		return tok, "--token-file", err
	}
	if tok, err = TokenFromEnv(env); tok != "" || err != nil {
		return tok, tokenVariable, err
	}
	if file := env.Getenv("MESH_TOKEN_FILE"); file != "" {
		tok, err = ReadTokenFile(file)
		return tok, "MESH_TOKEN_FILE", err
	}
	if login.Token != "" {
		return login.Token, SourceLogin, nil
	}
	return "", "", nil
}

// TokenFromEnv returns the token in MESH_TOKEN, without the white space around
// it; empty where there is none.
func TokenFromEnv(env *command.Env) (string, error) {
	value := strings.TrimSpace(env.Getenv(tokenVariable))
	if value == "" {
		return "", nil
	}
	return checkToken([]byte(value), tokenVariable)
}

// ParseHub reads a hub's address and brings it into one form, without a path,
// so that logins are found again.
func ParseHub(address string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, command.UsageErrorf("hub address %q is not an http or https URL", address).WithHint("for example " + DefaultHub)
	}
	if u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, command.UsageErrorf("hub address %q has more than a scheme, a host and a port", u.Redacted()).WithHint("write it as " + u.Scheme + "://" + u.Host)
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}, nil
}

// CheckTransport refuses http beyond this machine unless that is allowed.
func CheckTransport(hub *url.URL, insecureHTTPUnsafe bool) error {
	if hub.Scheme == "https" || insecureHTTPUnsafe || loopback(hub.Hostname()) {
		return nil
	}
	return command.UsageErrorf("%s is beyond this machine and not https: tokens and policies would cross the network readable", hub).
		WithHint("use https, or accept that with --insecure-http-unsafe")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// ReadTokenFile returns the token in a file, without the white space around it.
func ReadTokenFile(file string) (string, error) {
	var data []byte
	f, err := os.Open(file)
	if err == nil {
		// The file may be a pipe, whose size nobody knows.
		data, err = io.ReadAll(io.LimitReader(f, MaxTokenBytes+1))
		_ = f.Close()
	}
	if err != nil {
		return "", mesh.Errorf(mesh.CodeInvalid, "reading the token: %w", err).
			WithHint("the hub writes its administrator's token to admin-token in its data directory")
	}
	if len(data) > MaxTokenBytes {
		return "", mesh.Errorf(mesh.CodeInvalid, "token file %s is too large to be one", file)
	}
	return checkToken(data, file)
}

// checkToken accepts what can stand in a header.
func checkToken(data []byte, source string) (string, error) {
	tok := bytes.TrimSpace(data)
	if len(tok) == 0 {
		return "", mesh.Errorf(mesh.CodeInvalid, "%s holds no token", source)
	}
	for _, c := range tok {
		if c <= ' ' || c > '~' {
			return "", mesh.Errorf(mesh.CodeInvalid, "%s holds something that is no token", source)
		}
	}
	return string(tok), nil
}

// ReadToken reads a token from standard input, asking for it on a terminal.
func ReadToken(ctx context.Context, env *command.Env) (string, error) {
	data, err := env.IO.ReadSecret(ctx, "Token: ", MaxTokenBytes)
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	return checkToken(data, "standard input")
}

// Client returns a client for the hub's API.
func (s *Session) Client() (*hubapi.Client, error) {
	return hubapi.NewClient(s.Hub.String(), s.Token, &http.Client{Timeout: requestTimeout})
}

// Connect is [Open] and [Session.Client] for commands that need no more.
func Connect(env *command.Env, f Flags) (*hubapi.Client, error) {
	s, err := Open(env, f)
	if err != nil {
		return nil, err
	}
	return s.Client()
}

// All collects the pages of a list. fetch is called with the cursor of each
// page, "" for the first. The result is never nil.
func All[T any](fetch func(cursor string) (hubapi.Page[T], error)) ([]T, error) {
	items, cursor := []T{}, ""
	for {
		page, err := fetch(cursor)
		if err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		if page.Next == "" || page.Next == cursor {
			return items, nil
		}
		cursor = page.Next
	}
}
