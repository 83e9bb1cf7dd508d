package config_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/internal/config"
)

type server struct {
	Listen    string              `yaml:"listen"`
	Timeout   time.Duration       `yaml:"timeout"`
	Workers   int                 `yaml:"workers"`
	Verbose   bool                `yaml:"verbose"`
	Token     string              `yaml:"token" secret:"true"`
	Subscribe []mesh.Subscription `yaml:"subscribe"`
	TLS       struct {
		Cert string `yaml:"cert"`
	} `yaml:"tls"`
	limits `yaml:",inline"`
}

type limits struct {
	MaxBytes int64 `yaml:"maxBytes"`
}

func (*server) Key() string { return "server" }

func (s *server) SetDefaults() {
	if s.Listen == "" {
		s.Listen = "127.0.0.1:1"
	}
}

func (s *server) Validate() []mesh.Finding {
	var out []mesh.Finding
	if s.Workers < 0 {
		out = append(out, mesh.Finding{Level: mesh.LevelError, Rule: "negative", Message: "server.workers: it is negative"})
	}
	if s.TLS.Cert == "bad" {
		out = append(out, mesh.Finding{Level: mesh.LevelError, Rule: "cert", Message: "server.tls.cert: no such file"})
	}
	return out
}

func write(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "mesh.yaml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestLoad(t *testing.T) {
	t.Parallel()
	var s server
	file, err := config.Load(write(t, `
server:
  timeout: 30s
  workers: 4
  verbose: true
  token: hunter2
  subscribe: [gdpr@^3, acme/own]
  tls: {cert: server.pem}
  maxBytes: 7
`), &s)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Finish(); err != nil {
		t.Fatal(err)
	}
	want := server{Listen: "127.0.0.1:1", Timeout: 30 * time.Second, Workers: 4, Verbose: true, Token: "hunter2"}
	want.TLS.Cert = "server.pem"
	want.MaxBytes = 7
	for _, text := range []string{"mesh/gdpr@^3", "acme/own"} {
		sub, err := mesh.ParseSubscription(text)
		if err != nil {
			t.Fatal(err)
		}
		want.Subscribe = append(want.Subscribe, sub)
	}
	if diff := cmp.Diff(want, s, cmp.AllowUnexported(server{})); diff != "" {
		t.Errorf("section differs (-want +got):\n%s", diff)
	}

	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).LogAttrs(t.Context(), slog.LevelInfo, "effective", file.Effective()...)
	if got := log.String(); strings.Contains(got, "hunter2") || !strings.Contains(got, "server.token=[redacted]") || !strings.Contains(got, "server.timeout=30s") || !strings.Contains(got, "server.maxBytes=7") {
		t.Errorf("effective configuration: %s", got)
	}
}

// TestFreeValues reads values whose type only a policy knows as policies do.
func TestFreeValues(t *testing.T) {
	t.Parallel()
	var s subscribed
	if _, err := config.Load(write(t, `
runtime:
  parameters:
    acme/guard: {day: 2026-02-28, at: 2026-02-28T10:00:00Z, limit: 12, rate: 0.5, on: true, text: "0100", hosts: [a.example, 2026-01-01], none: null}
    acme/empty:
`), &s); err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]any{"acme/empty": nil, "acme/guard": {
		"day": "2026-02-28", "at": "2026-02-28T10:00:00Z", "limit": int64(12), "rate": 0.5, "on": true, "text": "0100", "hosts": []any{"a.example", "2026-01-01"}, "none": nil,
	}}
	if diff := cmp.Diff(want, s.Parameters); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for text, want := range map[string]string{
		"{acme/guard: {limit: 0100}}":     "runtime.parameters.acme/guard.limit: some readers take 0100 for an octal number and others do not",
		"{acme/guard: {limit: .nan}}":     ".nan is no number",
		"{acme/guard: {a: &a [*a]}}":      "runtime.parameters.acme/guard.a[0] holds an alias",
		"{acme/guard: [a]}":               "runtime.parameters.acme/guard must be a mapping",
		"[a]":                             "runtime.parameters must be a mapping",
		"{acme/guard: {a: {b: 1, b: 2}}}": `"runtime.parameters.acme/guard.a.b" is set twice`,
	} {
		_, err := config.Load(write(t, "runtime:\n  parameters: "+text+"\n"), &subscribed{})
		var coded *mesh.Error
		if !errors.As(err, &coded) || len(coded.Findings) != 1 || !strings.Contains(coded.Findings[0].Message, want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// subscribed is a section with values of the user's own.
type subscribed struct {
	Parameters map[string]map[string]any `yaml:"parameters"`
}

func (*subscribed) Key() string { return "runtime" }

func (*subscribed) SetDefaults() {}

func (*subscribed) Validate() []mesh.Finding { return nil }

func TestNoFileAndEmptyFileAreDefaults(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", write(t, ""), write(t, "# nothing\n"), write(t, "server:\n")} {
		var s server
		file, err := config.Load(name, &s)
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Finish(); err != nil {
			t.Fatal(err)
		}
		if s.Listen != "127.0.0.1:1" {
			t.Errorf("%q: defaults are missing: %+v", name, s)
		}
	}
}

// TestEverythingWrongAtOnce reads the invalid files of testdata; the first
// lines of each, behind "# want ", are the findings it must give.
func TestEverythingWrongAtOnce(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for line := range strings.Lines(string(src)) {
				if text, ok := strings.CutPrefix(line, "# want "); ok {
					want = append(want, strings.TrimSpace(text))
				}
			}
			var s server
			file, err := config.Load(name, &s)
			if err == nil {
				err = file.Finish()
			}
			var coded *mesh.Error
			if !errors.As(err, &coded) || coded.Code != mesh.CodeInvalid {
				t.Fatalf("got %v, want an error of code invalid", err)
			}
			var got []string
			for _, f := range coded.Findings {
				f.File = filepath.Base(f.File)
				got = append(got, f.String())
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	t.Parallel()
	_, err := config.Load(filepath.Join(t.TempDir(), "absent.yaml"), &server{})
	if mesh.CodeOf(err) != mesh.CodeNotFound || mesh.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("server: {listen: a, subscribe: [gdpr]}"))
	f.Add([]byte("server: &a {tls: *a}"))
	f.Add([]byte("- 1"))
	f.Add([]byte("a: b: c"))
	f.Fuzz(func(t *testing.T, src []byte) {
		name := filepath.Join(t.TempDir(), "f.yaml")
		if err := os.WriteFile(name, src, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := config.Load(name, &server{})
		if err == nil {
			err = file.Finish()
		}
		if err != nil && mesh.CodeOf(err) != mesh.CodeInvalid {
			t.Errorf("%q: %v", src, err)
		}
	})
}
