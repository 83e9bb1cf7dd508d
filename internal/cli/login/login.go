// Package login is the commands `mesh login` and `mesh logout`: they keep and
// drop the token for a hub.
package login

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/session"
)

// Options are the arguments of `login`.
type Options struct {
	session.Flags
	TokenStdin bool
	JSON       bool
}

// Result is what `login` prints.
type Result struct {
	Hub        string `json:"hub"`
	HubVersion string `json:"hubVersion"`
	File       string `json:"file"` // where the token is kept
}

// NewCmdLogin returns `login`. A nil runF means the command's own work.
func NewCmdLogin(env *command.Env, runF func(*Options) error) *cobra.Command {
	opts := &Options{}
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Keep a token for a hub",
		Long: `Check a token with a hub and keep it for the commands that follow, in a file
that only you can read. The hub becomes the one that commands talk to which name
no other.

A hub writes the token of its administrator to admin-token in its data
directory at its first start. Without --token-file or --token-stdin the token is
asked for.`,
		Example: `    mesh login --hub https://hub.example.com
    mesh login --token-file ~/.local/share/aimesh/hub/admin-token`,
		Args: command.Arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.TokenStdin && opts.TokenFile != "" {
				return command.UsageErrorf("--token-stdin and --token-file exclude each other")
			}
			if runF != nil {
				return runF(opts)
			}
			return loginRun(cmd.Context(), env, opts)
		},
	}
	session.AddFlags(cmd, &opts.Flags)
	cmd.Flags().BoolVar(&opts.TokenStdin, "token-stdin", false, "read the token from standard input")
	command.AddJSON(cmd, &opts.JSON, Result{})
	return cmd
}

func loginRun(ctx context.Context, env *command.Env, opts *Options) error {
	s, err := session.Open(env, opts.Flags)
	if err != nil {
		return err
	}
	if opts.TokenStdin || s.Source == "" || s.Source == session.SourceLogin {
		if !opts.TokenStdin && !env.IO.InIsTerminal() {
			return command.UsageErrorf("there is no token to log in with").WithHint("give one with --token-file, or with --token-stdin")
		}
		if s.Token, err = session.ReadToken(ctx, env); err != nil {
			return err
		}
	}
	client, err := s.Client()
	if err != nil {
		return err
	}
	info, err := client.Info(ctx)
	if err != nil {
		return err
	}
	store := session.NewStore(env)
	logins, err := store.Load()
	if err != nil {
		return err
	}
	hub := s.Hub.String()
	logins.Current = hub
	logins.Hubs[hub] = session.Login{
		Token: s.Token, At: time.Now().UTC(), InsecureHTTPUnsafe: opts.InsecureHTTPUnsafe || logins.Hubs[hub].InsecureHTTPUnsafe,
	}
	if err := store.Save(logins); err != nil {
		return err
	}
	if opts.JSON {
		return env.WriteJSON(Result{Hub: hub, HubVersion: info.Version, File: store.Path()})
	}
	_, err = fmt.Fprintf(env.IO.Out, "Logged in to %s; the token is kept in %s\n", hub, store.Path())
	return err
}

// LogoutOptions are the arguments of `logout`.
type LogoutOptions struct {
	Hub  string
	All  bool
	JSON bool
}

// LogoutResult is what `logout` prints.
type LogoutResult struct {
	Hubs []string `json:"hubs"` // whose tokens were dropped
}

// NewCmdLogout returns `logout`. A nil runF means the command's own work.
func NewCmdLogout(env *command.Env, runF func(*LogoutOptions) error) *cobra.Command {
	opts := &LogoutOptions{}
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Drop the token for a hub",
		Long: `Remove the stored token for a hub: the last login's, unless --hub names
another. The token itself stays valid at the hub.`,
		Args: command.Arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if opts.All && opts.Hub != "" {
				return command.UsageErrorf("--hub and --all exclude each other")
			}
			if runF != nil {
				return runF(opts)
			}
			return logoutRun(env, opts)
		},
	}
	cmd.Flags().StringVar(&opts.Hub, "hub", "", "`address` of the hub")
	cmd.Flags().BoolVar(&opts.All, "all", false, "drop the tokens of every hub")
	command.AddJSON(cmd, &opts.JSON, LogoutResult{})
	return cmd
}

func logoutRun(env *command.Env, opts *LogoutOptions) error {
	store := session.NewStore(env)
	logins, err := store.Load()
	if err != nil {
		return err
	}
	result := LogoutResult{Hubs: []string{}}
	if opts.All {
		result.Hubs = slices.AppendSeq(result.Hubs, maps.Keys(logins.Hubs))
		slices.Sort(result.Hubs)
	} else {
		address := opts.Hub
		if address == "" {
			address = logins.Current
		}
		if address == "" {
			return mesh.Errorf(mesh.CodeNotFound, "you are not logged in to any hub")
		}
		hub, err := session.ParseHub(address)
		if err != nil {
			return err
		}
		if _, ok := logins.Hubs[hub.String()]; !ok {
			return mesh.Errorf(mesh.CodeNotFound, "you are not logged in to %s", hub)
		}
		result.Hubs = append(result.Hubs, hub.String())
	}
	for _, hub := range result.Hubs {
		delete(logins.Hubs, hub)
		if logins.Current == hub {
			logins.Current = ""
		}
	}
	if err := store.Save(logins); err != nil {
		return err
	}
	if opts.JSON {
		return env.WriteJSON(result)
	}
	for _, hub := range result.Hubs {
		_, _ = fmt.Fprintf(env.IO.Out, "Logged out of %s\n", hub)
	}
	return nil
}
