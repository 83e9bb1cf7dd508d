package loopback_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh/engine/bench/loopback"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// TestMain makes the test binary a server where it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == loopback.Argument {
		if err := loopback.Serve(os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

func TestServersAreMeasured(t *testing.T) {
	t.Parallel()
	shape := workload.Shape{Rules: 20, Relevant: 10}
	for _, journal := range []bool{false, true} {
		s, err := loopback.Start(t.Context(), loopback.Job{Shape: shape, Dir: t.TempDir(), Journal: journal})
		if err != nil {
			t.Fatal(err)
		}
		all, err := loopback.Measure(t.Context(), s, shape, loopback.Plan{Repetitions: 1, Batches: 8, Singles: 40})
		if err != nil {
			t.Error(err)
		}
		if len(all) != len(loopback.Networks) {
			t.Errorf("figures of %d networks", len(all))
		}
		for _, f := range all {
			if f.Batches[0] <= 0 || f.Singles[0] <= 0 || f.Empties[0] <= 0 || f.Share() <= 0 {
				t.Errorf("%+v", f)
			}
		}
		if err := s.Close(); err != nil {
			t.Errorf("stopping the server: %v", err)
		}
	}
}

func TestRunSendsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	bodies := make(chan string, 100) // method, path, content type and body
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		bodies <- r.Method + r.URL.Path + " " + r.Header.Get("Content-Type") + " " + string(body)
		if string(body) == "2" {
			// Too long for one buffer: the server sends it in chunks.
			_, _ = w.Write([]byte(strings.Repeat("x", 100_000)))
		}
	}))
	defer srv.Close()
	target := loopback.Target{Network: "tcp", Address: srv.Listener.Addr().String(), Path: "/p"}
	rate, err := loopback.Run(t.Context(), target, loopback.Load{Connections: 3, Requests: 20, Bodies: [][]byte{[]byte("1"), []byte("2")}})
	if err != nil || rate <= 0 {
		t.Fatalf("%v requests a second, %v", rate, err)
	}
	count := map[string]int{}
	for range 20 {
		count[<-bodies]++
	}
	if count["POST/p application/json 1"] != 10 || count["POST/p application/json 2"] != 10 || len(bodies) != 0 {
		t.Errorf("the server got %v and %d more", count, len(bodies))
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(srv.Close)
	load := loopback.Load{Connections: 1, Requests: 1, Bodies: [][]byte{[]byte("{}")}}
	for _, tt := range []struct {
		name, want string
		target     loopback.Target
	}{
		{"another answer", `answered "HTTP/1.1 404 Not Found"`, loopback.Target{Network: "tcp", Address: srv.Listener.Addr().String(), Path: "/"}},
		{"another machine", "192.0.2.1:80 is not a loopback address", loopback.Target{Network: "tcp", Address: "192.0.2.1:80", Path: "/"}},
		{"a name", "localhost:80 is not a loopback address", loopback.Target{Network: "tcp", Address: "localhost:80", Path: "/"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := loopback.Run(t.Context(), tt.target, load); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run: %v, want %q", err, tt.want)
			}
		})
	}
}
