package worker_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh/engine/bench/engines"
	"github.com/ai-agent-mesh/mesh/engine/bench/worker"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// TestMain makes the test binary a worker where it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == worker.Argument {
		if err := worker.Serve(os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

func TestWorkerMeasures(t *testing.T) {
	t.Parallel()
	w, err := worker.Start(t.Context(), worker.Job{Engine: engines.Hand, Shape: workload.Shape{Rules: 20, Relevant: 10}})
	if err != nil {
		t.Fatal(err)
	}
	if w.Denied < 0.25 || w.Denied > 0.31 {
		t.Errorf("%.2f of the actions are denied, want three in ten", w.Denied)
	}
	cost, err := w.Cost(time.Millisecond)
	if err != nil || cost.CPU <= 0 || cost.Wall <= 0 {
		t.Errorf("cost %+v, %v", cost, err)
	}
	spread, err := w.Spread(3)
	if err != nil || spread.P50 <= 0 || spread.P99 < spread.P50 {
		t.Errorf("spread %+v, %v", spread, err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("ending the worker: %v", err)
	}
}

func TestWorkerRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		job  worker.Job
		want string
	}{
		{worker.Job{Engine: "tarot", Shape: workload.Shape{Rules: 10, Relevant: 10}}, `there is no engine "tarot"`},
		{worker.Job{Engine: engines.Hand, Shape: workload.Shape{Rules: 15, Relevant: 10}}, "must be a multiple"},
	} {
		if _, err := worker.Start(t.Context(), tt.job); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Start(%+v): %v, want %q", tt.job, err, tt.want)
		}
	}
}
