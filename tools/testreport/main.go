package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
)

const (
	exitOK    = 0
	exitFail  = 1
	exitUsage = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("testreport", flag.ContinueOnError)
	flags.SetOutput(stderr)
	strict := flags.Bool("strict-skips", false, "fail when a test was skipped for a reason that -allow-skip does not match")
	allow := flags.String("allow-skip", "", "skips whose reason matches this regular expression are accepted")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: testreport [flags] -- go test -json PACKAGES… [-- go test -json PACKAGES…]")
		flags.PrintDefaults()
	}
	options, commands := split(args)
	if err := flags.Parse(options); err != nil {
		return exitUsage
	}
	if len(commands) == 0 || flags.NArg() > 0 {
		flags.Usage()
		return exitUsage
	}
	allowed, err := allowedSkips(*allow)
	if err != nil {
		fmt.Fprintf(stderr, "testreport: -allow-skip: %v\n", err)
		return exitUsage
	}

	report := newReport(stdout)
	ok := true
	for _, command := range commands {
		if err := follow(report, command, stderr); err != nil {
			fmt.Fprintf(stderr, "testreport: %v: %v\n", command, err)
			ok = false
		}
	}
	refused := report.finish(*strict, allowed)
	if !ok || refused > 0 || report.failed() {
		return exitFail
	}
	return exitOK
}

// split separates testreport's own flags from the commands, each of which
// follows a "--".
func split(args []string) (options []string, commands [][]string) {
	for _, arg := range args {
		switch {
		case arg == "--":
			commands = append(commands, nil)
		case len(commands) == 0:
			options = append(options, arg)
		default:
			commands[len(commands)-1] = append(commands[len(commands)-1], arg)
		}
	}
	for _, command := range commands {
		if len(command) == 0 {
			return options, nil
		}
	}
	return options, commands
}

// allowedSkips compiles the expression; the empty one allows nothing.
func allowedSkips(expression string) (*regexp.Regexp, error) {
	if expression == "" {
		return nil, nil
	}
	return regexp.Compile(expression)
}

// follow runs one command and feeds its standard output to the report.
func follow(report *report, command []string, stderr io.Writer) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := report.read(out)
	return errors.Join(cmd.Wait(), readErr)
}
