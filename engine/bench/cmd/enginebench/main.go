// Command enginebench compares the product's decisions with those of other
// engines and writes the report.
//
//	go -C engine/bench run ./cmd/enginebench [-quick] [-headline] [-http=false] [-out FILE]
//
// With -runtime it also measures the product's program over HTTP. That program
// decides by what its data directory has in force; -policy writes a document
// with the same rules that the benchmark's own server decides by.
//
// The program starts itself as its workers and servers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/ai-agent-mesh/mesh/engine/bench/loopback"
	"github.com/ai-agent-mesh/mesh/engine/bench/report"
	"github.com/ai-agent-mesh/mesh/engine/bench/suite"
	"github.com/ai-agent-mesh/mesh/engine/bench/worker"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "enginebench:", err)
		os.Exit(1)
	}
}

// run is the program.
func run(ctx context.Context, args []string, in io.Reader, out, progress io.Writer) error {
	if len(args) == 1 {
		switch args[0] {
		case worker.Argument:
			return worker.Serve(in, out)
		case loopback.Argument:
			return loopback.Serve(in, out)
		}
	}
	flags := flag.NewFlagSet("enginebench", flag.ContinueOnError)
	flags.SetOutput(progress)
	quick := flags.Bool("quick", false, "show that everything works, with figures that mean nothing")
	file := flags.String("out", "", "`file` to write the report to (default: standard output)")
	headline := flags.Bool("headline", false, "compare the engines by one set alone, the one that most targets are about")
	overHTTP := flags.Bool("http", true, "measure decisions over HTTP, too")
	policy := flags.String("policy", "", "write the rules that are served over HTTP as one policy to this `file`, and do nothing else")
	program := flags.String("runtime", "", "measure this `program`, mesh-runtime, over HTTP, too")
	data := flags.String("runtime-data", "", "its data `directory`, with those rules in force")
	programArgs := flags.String("runtime-args", "", "further `arguments` for it, separated by spaces")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not understood: there are flags alone", flags.Arg(0))
	}
	plan := suite.Full()
	if *quick {
		plan = suite.Quick()
	}
	plan.Flags = shown(flags)
	if *headline {
		plan.Shapes = []workload.Shape{plan.Headline}
	}
	if *policy != "" {
		return writePolicy(*policy, plan.LoopbackShape)
	}
	if !*overHTTP {
		plan.Loopback = loopback.Plan{}
	}
	if *program != "" {
		if *data == "" {
			return errors.New("-runtime needs -runtime-data, where the program has its policies")
		}
		plan.Runtime = &suite.Runtime{Program: *program, Data: *data, Args: strings.Fields(*programArgs)}
	}
	results, err := suite.Run(ctx, plan, progress)
	if err != nil {
		return err
	}
	return write(results, *file, out)
}

// shown returns the flags that say what is measured.
func shown(flags *flag.FlagSet) []string {
	var out []string
	flags.Visit(func(f *flag.Flag) {
		if f.Name != "out" {
			out = append(out, "-"+f.Name+"="+f.Value.String())
		}
	})
	return out
}

// write writes the report into the file, or to out, and the targets to out in
// any case.
func write(results *suite.Results, file string, out io.Writer) error {
	text := report.Markdown(results)
	if file == "" {
		_, err := out.Write(text)
		return err
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	for _, t := range report.Targets(results) {
		if _, err := fmt.Fprintln(out, t); err != nil {
			return err
		}
	}
	return nil
}

func writePolicy(file string, shape workload.Shape) error {
	set, err := workload.Make(shape)
	if err != nil {
		return err
	}
	return os.WriteFile(file, set.Document(), 0o644)
}
