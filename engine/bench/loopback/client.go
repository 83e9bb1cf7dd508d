// Package loopback measures decisions over HTTP on this machine: how many a
// server answers while the client uses the same cores.
//
// [Run] is the client. It writes requests that were made beforehand over
// connections that stay open, so that little of what is measured is its own
// work, and it sends a fixed number of them to loopback addresses and unix
// sockets, never elsewhere. What is measured is a [Server]: one of the
// benchmark's own ([Start], with the product's decision API in a process of
// its own) or the product's program ([StartRuntime]).
package loopback

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Target is where requests go.
type Target struct {
	Network string // tcp or unix
	Address string // host:port, or the path of the socket
	Path    string // of the URL
}

// Load is what is sent.
type Load struct {
	Connections int
	Requests    int      // over all connections
	Bodies      [][]byte // JSON, sent in turn
}

// patience bounds a run.
const patience = 5 * time.Minute

// Run sends the load, each connection one request after the other, and returns
// how many requests were answered a second. An answer other than 200 is an
// error.
func Run(ctx context.Context, target Target, load Load) (perSecond float64, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%d requests took more than %s", load.Requests, patience))
	defer cancel()
	requests := make([][]byte, len(load.Bodies))
	for i, body := range load.Bodies {
		requests[i] = request(target.Path, body)
	}
	connections := make([]net.Conn, load.Connections)
	for i := range connections {
		if connections[i], err = dial(ctx, target); err != nil {
			return 0, err
		}
		defer connections[i].Close()
	}
	stop := context.AfterFunc(ctx, func() {
		for _, c := range connections {
			_ = c.SetDeadline(time.Unix(1, 0)) // in the past: whoever reads or writes returns
		}
	})
	defer stop()
	s := sender{requests: requests, total: int64(load.Requests)}
	start := time.Now()
	if err := s.send(connections); err != nil {
		return 0, fmt.Errorf("asking %s: %w", target.Path, err)
	}
	return float64(load.Requests) / time.Since(start).Seconds(), nil
}

// dial connects to this machine and no other.
func dial(ctx context.Context, target Target) (net.Conn, error) {
	if target.Network != "unix" {
		host, _, err := net.SplitHostPort(target.Address)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			return nil, fmt.Errorf("%s is not a loopback address", target.Address)
		}
	}
	var d net.Dialer
	return d.DialContext(ctx, target.Network, target.Address)
}

// request is one request as it goes over the wire.
func request(path string, body []byte) []byte {
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, len(body))
	return append([]byte(head), body...)
}

// sender shares the requests out to connections.
type sender struct {
	requests [][]byte
	total    int64
	next     atomic.Int64
}

func (s *sender) send(connections []net.Conn) error {
	var wg sync.WaitGroup
	errs := make([]error, len(connections))
	for i, c := range connections {
		wg.Go(func() { errs[i] = s.over(c) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *sender) over(c net.Conn) error {
	answers := bufio.NewReaderSize(c, 64<<10)
	for n := s.next.Add(1) - 1; n < s.total; n = s.next.Add(1) - 1 {
		if _, err := c.Write(s.requests[n%int64(len(s.requests))]); err != nil {
			return fmt.Errorf("sending request %d: %w", n, err)
		}
		if err := skipAnswer(answers); err != nil {
			return fmt.Errorf("reading the answer to request %d: %w", n, err)
		}
	}
	return nil
}

// skipAnswer reads one answer, which must be a 200, and leaves the reader
// behind it. It knows as much of HTTP/1.1 (RFC 9112) as our servers speak: an
// answer to POST with a length or in chunks.
func skipAnswer(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("answered %q", bytes.TrimSpace(status))
	}
	length, chunked := int64(-1), false
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil || length < 0 {
				return fmt.Errorf("the answer has the length %q", value)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		}
	}
	if chunked {
		return skipChunks(r)
	}
	if length < 0 {
		return fmt.Errorf("the answer has no length")
	}
	_, err = io.CopyN(io.Discard, r, length)
	return err
}

// skipChunks reads a body in chunks and the empty trailer behind it.
func skipChunks(r *bufio.Reader) error {
	if _, err := io.Copy(io.Discard, httputil.NewChunkedReader(r)); err != nil {
		return err
	}
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(line)) > 0 {
		return fmt.Errorf("%q follows the last chunk", line)
	}
	return nil
}
