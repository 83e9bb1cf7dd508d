// Package buildinfo says which build of the program this is.
//
// A release sets the version at link time:
//
//	go build -ldflags "-X github.com/ai-agent-mesh/mesh/internal/cli/buildinfo.version=1.2.3" ./cmd/mesh
//
// Without it, [Read] answers from what the Go tool recorded in the binary.
package buildinfo

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// version, commit and date are set by the linker and never written to.
var version, commit, date string

// unreleased is the version of a build nobody gave one.
const unreleased = "0.0.0-dev"

// Info describes a build.
type Info struct {
	Version  string `json:"version"`           // semantic version without a leading v
	Commit   string `json:"commit,omitzero"`   // revision of the sources
	Date     string `json:"date,omitzero"`     // of the commit, RFC 3339
	Go       string `json:"go"`                // version of the toolchain
	Platform string `json:"platform"`          // operating system/architecture
	Modified bool   `json:"modified,omitzero"` // the sources differed from the commit
}

// Read returns the description of the running program.
func Read() Info {
	info := Info{Version: version, Commit: commit, Date: date, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	build, ok := debug.ReadBuildInfo()
	if ok {
		for _, s := range build.Settings {
			switch s.Key {
			case "vcs.revision":
				info.Commit = cmp.Or(info.Commit, s.Value)
			case "vcs.time":
				info.Date = cmp.Or(info.Date, s.Value)
			case "vcs.modified":
				info.Modified = s.Value == "true"
			}
		}
	}
	info.Version = cmp.Or(info.Version, unreleased)
	return info
}
