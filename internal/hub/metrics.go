package hub

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ai-agent-mesh/mesh/catalog/hubapi"
)

const (
	namespace = "mesh_hub"

	// depthTimeout bounds what a scrape waits for the database.
	depthTimeout = time.Second
)

// metrics are the hub's measurements, in a registry of their own.
type metrics struct {
	registry      *prometheus.Registry
	requests      *prometheus.CounterVec
	requestTime   *prometheus.HistogramVec
	indexed       *prometheus.CounterVec
	indexTime     prometheus.Histogram
	records       *prometheus.CounterVec
	batchTime     prometheus.Histogram
	lastIngestion prometheus.Gauge
}

// The results of an attempt and the kinds of record, as label values.
const (
	resultOK     = "ok"
	resultFailed = "failed"

	recordReadable  = "readable"
	recordMalformed = "malformed"
)

func newMetrics(version string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "http_requests_total", Help: "Requests answered, by area of the hub, method and status code.",
		}, []string{"area", "method", "code"}),
		requestTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "http_request_seconds", Help: "Time to answer a request in seconds, waiting for news included.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
		}, []string{"area"}),
		indexed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "index_attempts_total", Help: "Registry events worked on, by result; failed ones are tried again.",
		}, []string{"result"}),
		indexTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "index_seconds", Help: "Time to work on one registry event in seconds.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "evidence_records_total", Help: "Journal records received, by whether they could be read; repeated ones count again.",
		}, []string{"kind"}),
		batchTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "evidence_batch_seconds", Help: "Time until a batch of journal records is durable in seconds.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}),
		lastIngestion: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "evidence_last_timestamp_seconds", Help: "When evidence last arrived, seconds since 1970.",
		}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "info", Help: "Always 1; the labels describe the program.", ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(m.requests, m.requestTime, m.indexed, m.indexTime, m.records, m.batchTime, m.lastIngestion, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// watchOutbox measures how many registry events wait.
func (m *metrics) watchOutbox(outbox interface {
	Depth(ctx context.Context) (int, error)
}) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "index_queue_events", Help: "Registry events that wait to be worked on; -1 if the database does not answer.",
	}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), depthTimeout)
		defer cancel()
		n, err := outbox.Depth(ctx)
		if err != nil {
			return -1
		}
		return float64(n)
	}))
}

// Indexed implements [index.Observer].
func (m *metrics) Indexed(took time.Duration, err error) {
	result := resultOK
	if err != nil {
		result = resultFailed
	}
	m.indexed.WithLabelValues(result).Inc()
	m.indexTime.Observe(took.Seconds())
}

// Ingested implements [ingest.Observer].
func (m *metrics) Ingested(records, malformed int, took time.Duration) {
	m.records.WithLabelValues(recordReadable).Add(float64(records - malformed))
	m.records.WithLabelValues(recordMalformed).Add(float64(malformed))
	m.batchTime.Observe(took.Seconds())
	m.lastIngestion.SetToCurrentTime()
}

// handler serves the metrics in the formats Prometheus reads.
func (m *metrics) handler(errorLog promhttp.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorLog: errorLog, Registry: m.registry})
}

// measure counts requests. Areas and not paths are labels: what a client can
// make up must not become a time series.
func (m *metrics) measure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			area := areaOf(r.URL.Path)
			m.requests.WithLabelValues(area, methodOf(r.Method), strconv.Itoa(s.status)).Inc()
			m.requestTime.WithLabelValues(area).Observe(time.Since(start).Seconds())
		}()
		next.ServeHTTP(s, r)
	})
}

func areaOf(path string) string {
	switch {
	case below(path, "/v2"):
		return "registry"
	case below(path, hubapi.BasePath):
		return "api"
	}
	return "other"
}

func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return method
	}
	return "other"
}
