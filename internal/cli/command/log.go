package command

import (
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
)

// Names and values of the logging flags.
const (
	logLevelFlag  = "log-level"
	logFormatFlag = "log-format"
	logText       = "text"
	logJSON       = "json"
)

// LogOptions says what a program logs, to standard error.
type LogOptions struct {
	Level  slog.Level
	Format string // "text" or "json"
}

// levelValue lets pflag parse a level.
type levelValue struct{ level *slog.Level }

// Set reads debug, info, warn or error in any case.
func (v levelValue) Set(s string) error {
	if err := v.level.UnmarshalText([]byte(s)); err != nil {
		return UsageErrorf("%q is no level; use debug, info, warn or error", s)
	}
	return nil
}

func (v levelValue) String() string {
	if v.level == nil {
		return ""
	}
	return strings.ToLower(v.level.String())
}

// Type names the value in help texts.
func (levelValue) Type() string { return "level" }

// formatValue lets pflag parse a format.
type formatValue struct{ format *string }

// Set reads text or json.
func (v formatValue) Set(s string) error {
	if s != logText && s != logJSON {
		return UsageErrorf("%q is no log format; use text or json", s)
	}
	*v.format = s
	return nil
}

func (v formatValue) String() string {
	if v.format == nil {
		return ""
	}
	return *v.format
}

// Type names the value in help texts.
func (formatValue) Type() string { return "format" }

// AddLogFlags adds --log-level, with the given default, and --log-format.
func AddLogFlags(cmd *cobra.Command, target *LogOptions, level slog.Level) {
	flags := cmd.Flags()
	*target = LogOptions{Level: level, Format: logText}
	flags.Var(levelValue{&target.Level}, logLevelFlag, "log from this `level` on: debug, info, warn or error (env MESH_LOG_LEVEL)")
	flags.Var(formatValue{&target.Format}, logFormatFlag, "log as text or json (env MESH_LOG_FORMAT)")
	BindEnv(flags, logLevelFlag, "MESH_LOG_LEVEL")
	BindEnv(flags, logFormatFlag, "MESH_LOG_FORMAT")
}

// Logger returns a logger that writes to standard error.
func (e *Env) Logger(o LogOptions) *slog.Logger {
	options := &slog.HandlerOptions{Level: o.Level}
	if o.Format == logJSON {
		return slog.New(slog.NewJSONHandler(e.IO.Err, options))
	}
	return slog.New(slog.NewTextHandler(e.IO.Err, options))
}
