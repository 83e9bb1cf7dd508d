package bundle_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

// entry is one member of an archive.
type entry struct {
	name string
	kind byte // 0 is a regular file
	link string
	data string
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed) // bombs are large
	if err != nil {
		t.Fatal(err)
	}
	tw := tar.NewWriter(zw)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Linkname: e.link, Size: int64(len(e.data)), Mode: 0o644}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(e.data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// sparse is an archive of 2 KiB that claims to hold size bytes of holes, in the
// GNU 1.0 form that archive/tar unfolds.
func sparse(t testing.TB, size int64) []byte {
	t.Helper()
	var block bytes.Buffer
	fmt.Fprintf(&block, "1\n%d\n0\n", size)
	block.Write(make([]byte, 512-block.Len()))
	// archive/tar refuses to write the records that make a file sparse, so
	// they are written under another name of the same length and renamed.
	records := map[string]string{"XXX.sparse.major": "1", "XXX.sparse.minor": "0", "XXX.sparse.name": "holes", "XXX.sparse.realsize": fmt.Sprint(size)}
	var raw bytes.Buffer
	tw := tar.NewWriter(&raw)
	if err := tw.WriteHeader(&tar.Header{Name: "holes", Typeflag: tar.TypeReg, Size: int64(block.Len()), Mode: 0o644, PAXRecords: records, Format: tar.FormatPAX}); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Write(block.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	patched := bytes.ReplaceAll(raw.Bytes(), []byte("XXX.sparse."), []byte("GNU.sparse."))
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	if _, err := zw.Write(patched); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// carrying returns a bundle with the archive as its OPA layer.
func carrying(data []byte) bundle.Source {
	return bundle.Source{Config: config(), Files: append(files(), bundle.File{Title: "opa.tar.gz", MediaType: bundle.MediaTypeOPA, Data: data})}
}

func TestOPALayer(t *testing.T) {
	t.Parallel()
	data := archive(t,
		entry{name: "/", kind: tar.TypeDir},
		entry{name: "/policy.rego", data: "package acme"}, // as opa build writes it
		entry{name: "./data/", kind: tar.TypeDir},
		entry{name: "./data/data.json", data: "{}"},
	)
	a := pack(t, carrying(data))
	b, err := bundle.Read(t.Context(), a, a.Digest())
	if err != nil {
		t.Fatal(err)
	}
	got, ok, err := b.OPA()
	if err != nil || !ok || len(got) != 2 || got[0].Title != "policy.rego" || got[1].Title != "data/data.json" || string(got[0].Data) != "package acme" {
		t.Errorf("unpacked %v %v %v", got, ok, err)
	}
	plain := pack(t, bundle.Source{Config: config(), Files: files()})
	b, err = bundle.Read(t.Context(), plain, plain.Digest())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := b.OPA(); ok || err != nil {
		t.Errorf("a bundle without OPA layer: %v %v", ok, err)
	}
}

func TestArchiveRefused(t *testing.T) {
	t.Parallel()
	whole := archive(t, entry{name: "a", data: strings.Repeat("a", 4096)})
	for _, tt := range []struct {
		name, want string
		data       []byte
	}{
		{"parent directory", "not a plain relative path", archive(t, entry{name: "../a"})},
		{"parent directory behind a slash", "not a plain relative path", archive(t, entry{name: "/../a"})},
		{"parent directory inside", "not a plain relative path", archive(t, entry{name: "a/../../b"})},
		{"absolute twice", "not a plain relative path", archive(t, entry{name: "//etc/passwd"})},
		{"symbolic link", "link", archive(t, entry{name: "a", kind: tar.TypeSymlink, link: "/etc"})},
		{"hard link", "link", archive(t, entry{name: "a", kind: tar.TypeLink, link: "b"})},
		{"device", "device", archive(t, entry{name: "a", kind: tar.TypeChar})},
		{"fifo", "device", archive(t, entry{name: "a", kind: tar.TypeFifo})},
		{"same name twice", "twice", archive(t, entry{name: "a"}, entry{name: "./a"})},
		{"truncated", "reading", whole[:len(whole)/2]},
		{"a bomb", "unpacks to more", archive(t, entry{name: "a", data: strings.Repeat("a", bundle.MaxBundleSize+1)})},
		{"a bomb in parts", "unpacks to more", archive(t, entry{name: "a", data: strings.Repeat("a", bundle.MaxBundleSize/2)}, entry{name: "b", data: strings.Repeat("a", bundle.MaxBundleSize/2+1)})},
		{"a sparse bomb", "unpacks to more", sparse(t, 1<<40)},
		{"no archive", "gzipped", []byte("hello")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := bundle.Pack(carrying(tt.data))
			if mesh.CodeOf(err) != mesh.CodePolicyInvalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzArchive(f *testing.F) {
	f.Add(archive(f, entry{name: "a/b", data: "x"}, entry{name: "c"}))
	f.Add(archive(f, entry{name: "../a"}))
	f.Add(sparse(f, 1<<30))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := bundle.Pack(carrying(data))
		if err != nil {
			return
		}
		b, err := bundle.Read(t.Context(), a, a.Digest())
		if err != nil {
			t.Fatal(err)
		}
		unpacked, _, err := b.OPA()
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, file := range unpacked {
			if total += len(file.Data); strings.HasPrefix(file.Title, "/") || strings.Contains("/"+file.Title+"/", "/../") {
				t.Errorf("unpacked %q", file.Title)
			}
		}
		if total > bundle.MaxBundleSize {
			t.Errorf("unpacked %d bytes", total)
		}
	})
}
