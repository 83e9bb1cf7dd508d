//go:build unix

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// quickstartLimit is how long somebody may need from the built programs to a
// blocked action of a policy of their own.
const quickstartLimit = 10 * time.Minute

// TestQuickstart types what README.md's Quickstart says, no more: the blocks
// marked sh, in order, in one shell. It has to end with an own policy, signed
// with an own key, that blocks an action.
//
// The programs are built already and other tests use the usual ports, so the
// shell gets stand-ins for `git clone`, `make build` and `make run`, and servers
// that listen elsewhere, in the background.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	root := repository(t)
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := shellBlocks(section(string(readme), "Quickstart"))
	if len(blocks) == 0 {
		t.Fatal("README.md has no section Quickstart with blocks marked sh")
	}
	out := runQuickstart(t, root, strings.Join(blocks, "\n"))
	if !regexp.MustCompile(`(?i)denied|blocked|"allowed": ?false`).MatchString(out) {
		t.Errorf("no action was blocked:\n%s", out)
	}
	if own := regexp.MustCompile(`\b[a-z0-9-]+/[a-z0-9-]+:\d+\.\d+\.\d+`).FindString(out); own == "" || strings.HasPrefix(own, "mesh/") {
		t.Errorf("no policy of one's own was published:\n%s", out)
	}
}

// section returns the text below the heading that has the title, up to the next
// heading of the same or a higher level.
func section(markdown, title string) string {
	var b strings.Builder
	level, fenced := 0, false
	for line := range strings.Lines(markdown) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		depth := len(line) - len(strings.TrimLeft(line, "#"))
		if heading := depth > 0 && !fenced; heading {
			if level > 0 && depth <= level {
				break
			}
			if strings.EqualFold(strings.TrimSpace(line[depth:]), title) {
				level = depth
				continue
			}
		}
		if level > 0 {
			b.WriteString(line)
		}
	}
	return b.String()
}

// shellBlocks returns the fenced blocks marked sh.
func shellBlocks(markdown string) []string {
	var blocks []string
	var block *strings.Builder
	for line := range strings.Lines(markdown) {
		fence := strings.TrimSpace(line)
		switch {
		case block != nil && fence == "```":
			blocks = append(blocks, block.String())
			block = nil
		case block != nil:
			block.WriteString(line)
		case fence == "```sh":
			block = &strings.Builder{}
		}
	}
	return blocks
}

// runQuickstart runs the commands in a directory where a clone would be.
func runQuickstart(t *testing.T, root, commands string) string {
	t.Helper()
	dir := t.TempDir()
	hub, edge := mustFreePort(t), mustFreePort(t)
	writeStandIns(t, root, dir, hub, edge)
	commands = moved(t, commands, map[string]string{"8080": hub, "7070": edge})
	script := filepath.Join(dir, "quickstart.sh")
	if err := os.WriteFile(script, []byte("set -euo pipefail\n"+commands), 0o600); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), quickstartLimit)
	defer cancel()
	output, err := os.Create(filepath.Join(dir, "output.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	cmd := exec.CommandContext(ctx, "bash", script)
	cmd.Dir = filepath.Join(dir, "here")
	cmd.Env = []string{
		"HOME=" + filepath.Join(dir, "home"), "COSIGN_PASSWORD=", "NO_COLOR=1", "TERM=dumb", "LC_ALL=C",
		"MESH_HUB=http://" + hub, "MESH_RUNTIME=http://" + edge,
		"PATH=" + strings.Join([]string{filepath.Join(dir, "stand-ins"), filepath.Join(root, "bin", "tools"), os.Getenv("PATH")}, string(filepath.ListSeparator)),
	}
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // servers in the background end with the group
	runErr := cmd.Start()
	if runErr == nil {
		defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }()
		runErr = cmd.Wait()
	}
	text, err := os.ReadFile(output.Name())
	if err != nil {
		t.Fatal(err)
	}
	if runErr != nil {
		t.Fatalf("the Quickstart's commands end with %v:\n%s", runErr, text)
	}
	return string(text)
}

// moved replaces every loopback address by one of its own, known ports first.
func moved(t *testing.T, commands string, known map[string]string) string {
	t.Helper()
	return regexp.MustCompile(`(?:127\.0\.0\.1|localhost):(\d+)`).ReplaceAllStringFunc(commands, func(addr string) string {
		port := addr[strings.Index(addr, ":")+1:]
		if known[port] == "" {
			known[port] = mustFreePort(t)
		}
		return known[port]
	})
}

// meshStandIn takes the program, the two addresses and a file for the process
// id. `mesh dev` goes into the background, in place of the one that runs, and
// is waited for.
const meshStandIn = `#!/usr/bin/env bash
mesh=%q hub=%q edge=%q pidfile=%q
[ "${1-}" = dev ] || exec "$mesh" "$@"
if [ -e "$pidfile" ]; then
	kill "$(cat "$pidfile")"
	while kill -0 "$(cat "$pidfile")" 2>/dev/null; do sleep 0.1; done
fi
"$mesh" dev --listen "$hub" --runtime-listen "$edge" "${@:2}" &
echo $! >"$pidfile"
until curl -fs "http://$hub/readyz" >/dev/null && curl -fs "http://$edge/readyz" >/dev/null; do
	kill -0 $! || exit 1
	sleep 0.1
done
`

// writeStandIns makes the commands that behave differently here.
func writeStandIns(t *testing.T, root, dir, hub, edge string) {
	t.Helper()
	clone := filepath.Join(dir, "here", "mesh")
	for _, d := range []string{"home", "stand-ins", filepath.Join("here", "mesh", "bin")} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	mesh := fmt.Sprintf(meshStandIn, filepath.Join(root, "bin", "mesh"), hub, edge, filepath.Join(dir, "dev.pid"))
	files := map[string]string{
		filepath.Join(dir, "stand-ins", "mesh"): mesh,
		filepath.Join(clone, "bin", "mesh"):     mesh,
		filepath.Join(dir, "stand-ins", "git"):  "#!/usr/bin/env bash\n[ \"${1-}\" = clone ] || exec " + git + " \"$@\"\n",
		filepath.Join(dir, "stand-ins", "make"): "#!/usr/bin/env bash\n[ \"${1-}\" != run ] || exec mesh dev --demo\n",
	}
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func mustFreePort(t *testing.T) string {
	t.Helper()
	addr, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func TestShellBlocks(t *testing.T) {
	t.Parallel()
	const markdown = "# Mesh\n\n```sh\nbefore\n```\n\n## Quickstart\n\nText.\n\n```sh\nfirst # not a heading\n# nor this\n```\n\n### Step\n\n```json\n{}\n```\n\n```sh\nsecond\n```\n\n## After\n\n```sh\nafter\n```\n"
	got := strings.Join(shellBlocks(section(markdown, "Quickstart")), "|")
	if want := "first # not a heading\n# nor this\n|second\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
