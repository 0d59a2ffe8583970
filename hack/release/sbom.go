package main

import (
	"errors"
	"os"
	"runtime/debug"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"golang.org/x/mod/semver"
)

// rootsModule is where the image's CA certificates come from.
const rootsModule = "golang.org/x/crypto/x509roots/fallback"

// writeSBOM writes what is in the image for one platform, in CycloneDX: all modules that the programs say they are made
// of, Go's standard library, and the CA certificates. Without a time or a serial number it is the same each time.
func (s *spec) writeSBOM(dir string, b build) (err error) {
	bom, err := s.bom(b)
	if err != nil {
		return err
	}
	f, err := os.Create(s.fileName(dir, b.platform.OS+"-"+b.platform.Architecture+".cdx.json"))
	if err != nil {
		return err
	}
	return errors.Join(cdx.NewBOMEncoder(f, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom), f.Close())
}

func (s *spec) bom(b build) (*cdx.BOM, error) {
	info := b.binaries[0].info // all programs are of one module, and built by one Go
	main := module(cdx.ComponentTypeApplication, info.Main.Path, s.version)
	main.Name = name
	main.Licenses = &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}}
	components := []cdx.Component{module(cdx.ComponentTypeLibrary, "std", info.GoVersion)}
	components[0].PackageURL = "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")
	listed := map[string]bool{}
	for _, p := range b.binaries {
		for _, dep := range p.info.Deps {
			if dep.Replace != nil && semver.IsValid(dep.Replace.Version) { // by another module, not by a folder
				dep = dep.Replace
			}
			if library := module(cdx.ComponentTypeLibrary, dep.Path, dep.Version); !listed[library.BOMRef] {
				listed[library.BOMRef] = true
				components = append(components, library)
			}
		}
	}
	roots, err := ownDependency(rootsModule)
	if err != nil {
		return nil, err
	}
	components = append(components, module(cdx.ComponentTypeData, roots.Path, roots.Version))
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &main}
	bom.Components = &components
	refs := make([]string, len(components))
	for i := range components {
		refs[i] = components[i].BOMRef
	}
	bom.Dependencies = &[]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}
	return bom, nil
}

func module(kind cdx.ComponentType, path, version string) cdx.Component {
	url := "pkg:golang/" + path + "@" + version
	return cdx.Component{BOMRef: url, Type: kind, Name: path, Version: version, PackageURL: url}
}

// ownDependency is a module that this command was built with.
func ownDependency(path string) (*debug.Module, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil, errors.New("this command was built without modules: run it with go run")
	}
	for _, dep := range info.Deps {
		if dep.Path == path {
			return dep, nil
		}
	}
	return nil, errors.New("this command was built without " + path)
}
