package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// programs are what the scripts run; `make e2e` builds them.
var programs = []string{"bin/mesh", "bin/mesh-runtime", "bin/tools/oras", "bin/tools/cosign", "bin/tools/registry"}

// repository returns the root of the source tree and fails the test unless
// every program is built there.
func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range programs {
		if _, err := os.Stat(filepath.Join(root, program)); err != nil {
			t.Fatalf("%v: run `make e2e`, which builds it first", err)
		}
	}
	return root
}

func TestScripts(t *testing.T) {
	t.Parallel()
	root := repository(t)
	testscript.RunT(runner{T: t}, testscript.Params{
		Dir:                 "testdata",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Condition:           condition,
		Cmds:                commands(),
		Setup: func(env *testscript.Env) error {
			return prepare(env, root)
		},
	})
}

// condition knows [shared]: the documents to compare with are at hand.
func condition(name string) (bool, error) {
	switch name {
	case "shared":
		return os.Getenv("MESH_SHARED") != "", nil
	case "root":
		return os.Geteuid() == 0, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

// prepare gives a script its environment: the built programs in front of
// everything, a home of its own, and nothing of the person who runs the test.
func prepare(env *testscript.Env, root string) error {
	home := filepath.Join(env.WorkDir, "home")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	bin, tools := filepath.Join(root, "bin"), filepath.Join(root, "bin", "tools")
	env.Vars = append(env.Vars,
		"PATH="+strings.Join([]string{bin, tools, os.Getenv("PATH")}, string(filepath.ListSeparator)),
		"HOME="+home,
		"XDG_CONFIG_HOME="+filepath.Join(home, "config"),
		"XDG_DATA_HOME="+filepath.Join(home, "data"),
		"XDG_CACHE_HOME="+filepath.Join(home, "cache"),
		"XDG_STATE_HOME="+filepath.Join(home, "state"),
		"DOCKER_CONFIG="+filepath.Join(home, "docker"),
		"TUF_ROOT="+filepath.Join(home, "tuf"),
		"COSIGN_PASSWORD=e2e",
		"COSIGN_YES=true",
		"MESH_SHARED="+os.Getenv("MESH_SHARED"),
		"REPO="+root,
		"NO_COLOR=1",
		"LC_ALL=C",
		"GOOS="+runtime.GOOS,
	)
	s := &script{vars: env.Vars, dir: env.WorkDir}
	env.Values[scriptKey{}] = s
	// The logs have to be read before testscript removes the directory, and
	// whether the script failed is known only afterwards.
	var logs string
	env.Defer(func() {
		s.stopAll()
		logs = s.logs()
	})
	if r, ok := env.T().(runner); ok {
		r.Cleanup(func() {
			if r.Failed() {
				r.Log(logs)
			}
		})
	}
	return nil
}

// runner is a *testing.T that testscript runs scripts on, one subtest each.
type runner struct{ *testing.T }

// Run implements testscript.T.
func (r runner) Run(name string, f func(testscript.T)) {
	r.T.Run(name, func(t *testing.T) { f(runner{T: t}) })
}

// Verbose implements testscript.T.
func (r runner) Verbose() bool { return testing.Verbose() }
