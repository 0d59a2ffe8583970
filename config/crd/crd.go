// Package crd has the CustomResourceDefinitions, for what has to know them without a cluster.
package crd

import "embed"

// Bases are the definitions, one a file, in the folder bases.
//
//go:embed bases/*.yaml
var Bases embed.FS
