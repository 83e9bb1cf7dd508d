package node

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ai-agent-mesh/mesh/runtime/enforce"
	"github.com/ai-agent-mesh/mesh/runtime/pdp"
)

const metricsNamespace = "mesh_runtime"

// metrics are the runtime's measurements, in a registry of their own.
type metrics struct {
	registry   *prometheus.Registry
	decisions  *prometheus.CounterVec
	unrecorded *prometheus.CounterVec
	evaluation prometheus.Histogram
	request    prometheus.Histogram
}

func newMetrics(version string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: metricsNamespace, Name: "decisions_total", Help: "Decisions released, by outcome and by the strictest mode that ran.",
		}, []string{"outcome", "mode"}),
		unrecorded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: metricsNamespace, Name: "decisions_unrecorded_total", Help: "Decisions that the journal did not take, by outcome.",
		}, []string{"outcome"}),
		evaluation: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: metricsNamespace, Name: "evaluation_seconds", Help: "Time to evaluate the policies on one action in seconds.",
			Buckets: prometheus.ExponentialBuckets(0.000_000_25, 4, 10),
		}),
		request: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: metricsNamespace, Name: "decision_seconds", Help: "Time to decide and record one request in seconds.",
			Buckets: prometheus.ExponentialBuckets(0.000_1, 2, 14),
		}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: metricsNamespace, Name: "info", Help: "Always 1; the labels describe the program.", ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(m.decisions, m.unrecorded, m.evaluation, m.request, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observe measures a decision that is released.
func (m *metrics) observe(o enforce.Observation) {
	outcome := o.Decision.AuditLog.Outcome
	m.decisions.WithLabelValues(outcome, string(o.Decision.Mode)).Inc()
	if !o.Recorded {
		m.unrecorded.WithLabelValues(outcome).Inc()
	}
	m.evaluation.Observe(float64(o.Decision.EvaluationNanos) / 1e9)
	m.request.Observe(o.Total.Seconds())
}

// watch measures how the runtime is whenever somebody looks.
func (m *metrics) watch(status func() pdp.Status) { m.registry.MustRegister(statusCollector{status}) }

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// statusCollector turns a status into measurements.
type statusCollector struct{ status func() pdp.Status }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(metricsNamespace, "", name), help, labels, nil)
}

// Describe sends nothing: the collector is unchecked, so that each description
// stands once, where it is used.
func (statusCollector) Describe(chan<- *prometheus.Desc) {}

// Collect measures the status.
func (c statusCollector) Collect(out chan<- prometheus.Metric) {
	st := c.status()
	gauge := func(name, help string, value float64) {
		out <- prometheus.MustNewConstMetric(describe(name, help), prometheus.GaugeValue, value)
	}
	gauge("journal_last_sequence", "Sequence of the last record of the journal.", float64(st.Journal.LastSeq))
	gauge("journal_acked_sequence", "Sequence of the last record that the hub acknowledged.", float64(st.Journal.Shipped))
	gauge("journal_evaluated_sequence", "Sequence up to which audit mode is done.", float64(st.Journal.Evaluated))
	gauge("journal_bytes", "Size of the journal in bytes.", float64(st.Journal.Bytes))
	gauge("journal_writable", "1 if the journal takes records, else 0.", truth(st.Journal.Writable))
	gauge("journal_recording", "1 if decisions are recorded in the journal, 0 if the runtime was told not to record any.", truth(st.Journal.Recording))
	gauge("hub_reachable", "1 if the hub could be followed when it was last tried, else 0.", truth(st.Hub.Error == "" && !st.Hub.Since.IsZero()))
	gauge("refusals", "Bundles that stand refused.", float64(len(st.Refusals)))
	ready := describe("subscription_ready", "1 if a release that the subscription means is in force, else 0.", "subscription", "version")
	for _, s := range st.Subscriptions {
		out <- prometheus.MustNewConstMetric(ready, prometheus.GaugeValue, truth(s.Ready), s.Subscription.String(), s.Version)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
