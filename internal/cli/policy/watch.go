package policy

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/internal/cli/command"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
	"github.com/ai-agent-mesh/mesh/internal/publish"
)

// watchInterval is how often files are looked at for changes.
const watchInterval = 250 * time.Millisecond

// watchRun runs the cases, and again whenever a file changes, until ctx ends. It
// looks at the files when tick says so.
func watchRun(ctx context.Context, env *command.Env, opts *testOptions, tick <-chan time.Time) error {
	for {
		// What changes while the cases run is a change, too.
		w := newWatcher(ctx, slices.Concat(opts.Paths, opts.Bases))
		err := testRun(ctx, env, opts)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			command.WriteError(env.IO, err)
		}
		_, _ = fmt.Fprintln(env.IO.Err, env.IO.Paint(iostreams.Faint, "watching "+strings.Join(slices.Concat(opts.Paths, opts.Bases), ", ")+"; Ctrl-C ends"))
		at, name, err := w.wait(ctx, tick)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(env.IO.Out, "\n--- %s %s changed ---\n", at.Format(time.TimeOnly), name)
	}
}

// watcher knows how the files of some paths looked.
type watcher struct {
	paths []string
	seen  map[string]stamp // at the start
	last  map[string]stamp // at the last look
}

// stamp is what tells a file from what it was before.
type stamp struct {
	modified int64 // in nanoseconds of Unix time
	size     int64
}

// newWatcher looks at the sources that the paths of policy test stand for: a
// directory with all below it, a file with those beside it. Of an image layout
// it looks at what names its content.
func newWatcher(ctx context.Context, paths []string) *watcher {
	w := &watcher{paths: slices.Clone(paths)}
	for _, path := range paths {
		if !strings.HasSuffix(path, publish.CasesSuffix) {
			continue
		}
		if src, err := readSource(path); err == nil {
			if suite, _ := cases.Parse(ctx, path, src); suite != nil {
				w.paths = append(w.paths, filepath.Join(filepath.Dir(path), filepath.FromSlash(suite.Policy)))
			}
		}
	}
	w.seen = w.look()
	w.last = w.seen
	return w
}

// wait returns when a file has changed, with its name.
func (w *watcher) wait(ctx context.Context, tick <-chan time.Time) (at time.Time, name string, err error) {
	for {
		select {
		case <-ctx.Done():
			return at, "", ctx.Err()
		case at = <-tick:
		}
		if name := w.changed(); name != "" {
			return at, name, nil
		}
	}
}

// changed looks at the files and names one that is not as it was at the start;
// empty if all are, or if they still differ from the last look: editors write in
// several steps.
func (w *watcher) changed() string {
	now := w.look()
	settled := maps.Equal(now, w.last)
	w.last = now
	if !settled || maps.Equal(now, w.seen) {
		return ""
	}
	return w.difference(now)
}

// difference names a file that changed, appeared or went away.
func (w *watcher) difference(now map[string]stamp) string {
	var names []string
	for name, s := range now {
		if before, ok := w.seen[name]; !ok || before != s {
			names = append(names, name)
		}
	}
	for name := range w.seen {
		if _, ok := now[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > 1 {
		return fmt.Sprintf("%s and %d more", names[0], len(names)-1)
	}
	return names[0]
}

// layoutIndex is the file of an image layout that names what it holds.
const layoutIndex = "index.json"

// look stamps the files there are now. What cannot be read has none.
func (w *watcher) look() map[string]stamp {
	out := map[string]stamp{}
	add := func(name string) {
		ext := filepath.Ext(name)
		if ext != ".yaml" && ext != ".yml" && filepath.Base(name) != layoutIndex {
			return
		}
		if info, err := os.Stat(name); err == nil && !info.IsDir() {
			out[name] = stamp{info.ModTime().UnixNano(), info.Size()}
		}
	}
	for _, path := range w.paths {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			_ = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() && name != path && strings.HasPrefix(d.Name(), ".") {
					return filepath.SkipDir
				}
				add(name)
				return nil
			})
			continue
		}
		entries, _ := os.ReadDir(filepath.Dir(path))
		for _, e := range entries {
			add(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	return out
}
