// Package frontend is the hub's pages: what the hub is, the bundles it lists,
// and one page a bundle.
//
// [New] returns the handler for everything below "/". Pages are rendered on
// the server from what a [Catalog] answers, need no script and load nothing
// from elsewhere; the one style sheet is served under a name made of its
// content. A directory holds what belongs to a page, shared what all have.
//
// Pages show what anybody may see. They sign nobody in.
package frontend

import "embed"

//go:embed shared home bundle failure
var files embed.FS
