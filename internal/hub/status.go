package hub

import (
	"io"
	"net/http"
)

// statusWriter remembers the status. What the writer below can do besides
// stays reachable.
type statusWriter struct {
	http.ResponseWriter
	status int
	sent   bool
}

// WriteHeader implements [http.ResponseWriter].
func (w *statusWriter) WriteHeader(status int) {
	if !w.sent && status >= http.StatusOK {
		w.status, w.sent = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *statusWriter) Write(p []byte) (int, error) {
	w.sent = true
	return w.ResponseWriter.Write(p)
}

// ReadFrom lets files go to the connection without a copy.
func (w *statusWriter) ReadFrom(src io.Reader) (int64, error) {
	w.sent = true
	return io.Copy(w.ResponseWriter, src)
}

// Unwrap is for [http.ResponseController].
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
