// Package runtimes is the commands `mesh runtime …` about enrolled runtimes,
// as the hub knows them. Running one is `mesh runtime serve`, in package
// runtimeserve.
package runtimes

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// NewCmdRuntime returns `runtime` with its verbs; serve is the one that runs a
// runtime.
func NewCmdRuntime(env *command.Env, serve *cobra.Command) *cobra.Command {
	return command.Group("runtime", "Run, list and subscribe enforcement runtimes",
		serve,
		newCmdList(env, nil),
		newCmdStatus(env, nil),
		newCmdSubscribe(env, nil),
		newCmdUnsubscribe(env, nil),
	)
}

// presence says whether a runtime answers.
func presence(r hubapi.Runtime) iostreams.Styled {
	switch {
	case r.Online:
		return iostreams.Styled{Text: "online", Style: iostreams.Green}
	case r.LastSeen == nil:
		return iostreams.Styled{Text: "never seen", Style: iostreams.Yellow}
	}
	return iostreams.Styled{Text: "offline", Style: iostreams.Red}
}

// state says whether a runtime answers, and what is wrong with its evidence.
func state(r hubapi.Runtime) iostreams.Styled {
	s := presence(r)
	if r.Unrecorded {
		s = iostreams.Styled{Text: s.Text + ", NOT recording", Style: iostreams.Red}
	}
	return s
}

// lastSeen writes when a runtime last reported.
func lastSeen(r hubapi.Runtime) string {
	if r.LastSeen == nil {
		return ""
	}
	return command.Time(*r.LastSeen)
}

// pollInterval is how often a runtime's state is looked at while waiting.
const pollInterval = 200 * time.Millisecond
