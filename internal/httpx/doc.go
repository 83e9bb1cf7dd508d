// Package httpx is what the HTTP servers of hub and runtime share: the one
// place where an error becomes an answer ([WriteProblem], RFC 9457), bounded
// reading of bodies ([ReadBody], [DecodeJSON]), the outer layer of a server
// ([Wrap]: request id, access log, recovery), and its life ([Listen],
// [Serve]).
//
// Handlers are written as [HandlerFunc], which returns its error:
//
//	mux.Handle("POST /v1/decisions", httpx.HandlerFunc(s.decide))
//	err := httpx.Serve(ctx, httpx.ServeOptions{Logger: logger}, httpx.Server{
//		Listener: ln, Handler: httpx.Wrap(mux, logger),
//	})
//
// The package knows no framework and no route, and authenticates nobody.
package httpx
