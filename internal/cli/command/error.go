package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/cli/iostreams"
)

// UsageError says that flags or arguments are wrong. It is shown with the
// command's usage line.
type UsageError struct {
	Err  error
	Hint string // what to do; may be empty
}

// UsageErrorf makes a [UsageError].
func UsageErrorf(format string, args ...any) *UsageError {
	return &UsageError{Err: fmt.Errorf(format, args...)}
}

// WithHint returns a copy of e that says what to do.
func (e *UsageError) WithHint(hint string) *UsageError { return &UsageError{Err: e.Err, Hint: hint} }

// Error returns the message.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// Usage makes err, the reason why an argument could not be parsed, a
// [UsageError], and leaves nil as it is.
func Usage(err error) error {
	if err == nil {
		return nil
	}
	return asUsage(err)
}

func asUsage(err error) error {
	if usage := (*UsageError)(nil); errors.As(err, &usage) {
		return err
	}
	return &UsageError{Err: err}
}

// Shown wraps an error whose findings the command has already printed as its
// result, so that they are not printed twice.
type Shown struct{ Err error }

// Error returns the message of the wrapped error.
func (e *Shown) Error() string { return e.Err.Error() }

// Unwrap returns the wrapped error, which decides the exit code.
func (e *Shown) Unwrap() error { return e.Err }

// Quiet wraps an error that the command's result already says, so that only
// the exit code is left to tell a person.
type Quiet struct{ Err error }

// Error returns the message of the wrapped error.
func (e *Quiet) Error() string { return e.Err.Error() }

// Unwrap returns the wrapped error, which decides the exit code.
func (e *Quiet) Unwrap() error { return e.Err }

// ErrorDocument is what a command with --json writes to standard error, on one
// line, when it fails. Standard output then holds the whole result or nothing.
type ErrorDocument struct {
	Error ErrorBody `json:"error"`
}

// ErrorBody is an error for programs.
type ErrorBody struct {
	Code     mesh.Code      `json:"code"` // one of the product's codes; "invalid" for wrong usage
	Message  string         `json:"message"`
	Hint     string         `json:"hint,omitzero"`
	ExitCode int            `json:"exitCode"`
	Findings []mesh.Finding `json:"findings,omitzero"`
}

// report tells err to whoever called cmd.
func report(env *Env, cmd *cobra.Command, err error) {
	body := describe(err)
	if wantsJSON(cmd) {
		line, marshalErr := json.Marshal(ErrorDocument{Error: body})
		if marshalErr == nil {
			_, _ = fmt.Fprintln(env.IO.Err, string(line))
			return
		}
	}
	if quiet := (*Quiet)(nil); errors.As(err, &quiet) {
		return
	}
	body.write(env.IO)
	if body.ExitCode == ExitUsage && cmd != nil {
		_, _ = fmt.Fprintf(env.IO.Err, "\nUsage: %s\nSee `%s --help`.\n", cmd.UseLine(), cmd.CommandPath())
	}
}

// WriteError tells an error to a person, as a command does that ends with it. It
// is for commands that go on.
func WriteError(io *iostreams.Streams, err error) {
	body := describe(err)
	body.write(io)
}

// write prints findings, what is wrong and what to do about it.
func (b *ErrorBody) write(io *iostreams.Streams) {
	for _, f := range b.Findings {
		WriteFinding(io, f)
	}
	_, _ = fmt.Fprintf(io.Err, "%s %s\n", io.Paint(iostreams.Red, "error:"), b.Message)
	if b.Hint != "" {
		_, _ = fmt.Fprintf(io.Err, "%s %s\n", io.Paint(iostreams.Cyan, "hint:"), b.Hint)
	}
}

const loginHint = "log in with `mesh login --token-file FILE`, or set MESH_TOKEN"

// describe turns an error into what is shown of it.
func describe(err error) ErrorBody {
	body := ErrorBody{Code: mesh.CodeOf(err), Message: err.Error(), Hint: mesh.HintOf(err), ExitCode: ExitCode(err)}
	if usage := (*UsageError)(nil); errors.As(err, &usage) {
		body.Code = mesh.CodeInvalid
		if usage.Hint != "" {
			body.Hint = usage.Hint
		}
	}
	if body.Code == mesh.CodeUnauthenticated {
		body.Hint = loginHint // a server's own hint is for those who write requests
	}
	coded := (*mesh.Error)(nil)
	if errors.As(err, &coded) {
		body.Findings = coded.Findings
	}
	if errors.Is(err, context.Canceled) {
		body.Code = mesh.CodeCanceled
		if body.Hint == "" {
			body.Message = "interrupted" // nothing is left to be done about it
		}
	}
	if len(body.Findings) > 0 {
		// Some messages repeat their findings on further lines, for logs.
		first, _, _ := strings.Cut(body.Message, "\n")
		body.Message = strings.TrimSuffix(first, ":")
	}
	if shown := (*Shown)(nil); errors.As(err, &shown) {
		body.Findings = nil
	}
	return body
}

// WriteFinding prints one finding to standard error as people and editors
// read it: "file:line:column: message", and the hint on a line of its own.
func WriteFinding(io *iostreams.Streams, f mesh.Finding) {
	style := iostreams.Red
	if f.Level == mesh.LevelWarning {
		style = iostreams.Yellow
	}
	prefix := ""
	if pos := f.Position.String(); pos != "" {
		prefix = io.Paint(iostreams.Bold, pos+":") + " "
	}
	level := ""
	if f.Level == mesh.LevelWarning {
		level = io.Paint(style, "warning: ")
	}
	rule := ""
	if f.Rule != "" {
		rule = io.Paint(iostreams.Faint, " ["+f.Rule+"]")
	}
	_, _ = fmt.Fprintf(io.Err, "%s%s%s%s\n", prefix, level, f.Message, rule)
	if f.Hint != "" {
		_, _ = fmt.Fprintf(io.Err, "    %s %s\n", io.Paint(iostreams.Cyan, "hint:"), f.Hint)
	}
}
