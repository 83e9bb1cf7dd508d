package suite

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// Machine is where the figures were measured.
type Machine struct {
	Processor string
	Cores     int
	System    string // operating system and architecture
	Go        string
	Load      string    // the system's load average over a minute before; empty if it does not say
	Modules   []Version // of the engines
}

// Version is a module that was measured.
type Version struct{ Module, Version string }

// compared are the modules of the engines that are not ours.
var compared = []string{"cel.dev/cel-go", "github.com/cedar-policy/cedar-go", "github.com/open-policy-agent/opa"}

func thisMachine() Machine {
	m := Machine{
		Processor: "unknown processor", Cores: runtime.NumCPU(),
		System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
	}
	if name := field("/proc/cpuinfo", "model name"); name != "" {
		m.Processor = name
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load, _, _ = strings.Cut(string(load), " ")
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range compared {
			for _, dependency := range info.Deps {
				if dependency.Path == module {
					m.Modules = append(m.Modules, Version{module, dependency.Version})
				}
			}
		}
	}
	return m
}

// field returns the first value of a "name : value" file of the system.
func field(file, name string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(data) {
		key, value, ok := bytes.Cut(line, []byte(":"))
		if ok && string(bytes.TrimSpace(key)) == name {
			return strings.Join(strings.Fields(string(value)), " ")
		}
	}
	return ""
}
