package loopback

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

func TestSkipAnswer(t *testing.T) {
	t.Parallel()
	const next = "HTTP/1.1 200 OK\r\n"
	for _, tt := range []struct{ name, answer, err string }{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", ""},
		{"lower case", "HTTP/1.1 200 OK\r\ncontent-length:3\r\n\r\nabc", ""},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", ""},
		{"denied", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "503"},
		{"no length", "HTTP/1.1 200 OK\r\n\r\n", "no length"},
		{"bad length", "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n", "length"},
		{"trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n", "follows"},
		{"cut off", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := bufio.NewReader(strings.NewReader(tt.answer + next))
			err := skipAnswer(r)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if rest, err := io.ReadAll(r); err != nil || string(rest) != next {
				t.Errorf("what is left is %q, %v", rest, err)
			}
		})
	}
}

func FuzzSkipAnswer(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	f.Add("HTTP/1.1 404 Not Found\r\n\r\n")
	f.Fuzz(func(t *testing.T, answer string) {
		// Whatever comes, reading it ends, and only a 200 is fine.
		if err := skipAnswer(bufio.NewReader(strings.NewReader(answer))); err == nil && !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
			t.Errorf("%q is fine", answer)
		}
	})
}
