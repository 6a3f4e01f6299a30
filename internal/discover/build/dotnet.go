package build

import (
	"path"
	"strings"

	"example.org/caravan/internal/discover"
)

// webProject is the type that older projects give as that of a web application.
const webProject = "349C5851-65DF-11DA-9384-00065B846F21"

// readProject reads an MSBuild project. Test projects make no module.
func readProject(f discover.File, m *manifest) error {
	doc, err := parseXML(f.Data)
	project := doc.get("Project")
	m.title = strings.TrimSuffix(path.Base(f.Path), path.Ext(f.Path))
	m.name = "nuget:" + m.title
	m.packages(project)
	switch {
	case forTests(project, m):
		m.key, m.uses = "", nil
	case aspireHost(project, m):
		m.key = aggregate
	case startsAsProgram(project):
		m.key = runnable
	}
	return err
}

// packages adds the references of a project or of a file that projects import.
func (m *manifest) packages(project *element) {
	for _, group := range project.all("ItemGroup") {
		for _, reference := range group.children {
			include := reference.attrs["Include"]
			switch reference.name {
			case "PackageReference", "GlobalPackageReference":
				if include != "" {
					m.needs("nuget:"+include, reference.line)
				}
			case "ProjectReference":
				m.needsModule(path.Dir(strings.ReplaceAll(include, `\`, "/")), reference.line)
			}
		}
	}
}

func projectProperty(project *element, name string) string {
	for _, group := range project.all("PropertyGroup") {
		if v := group.value(name); v != "" {
			return v
		}
	}
	return ""
}

func forTests(project *element, m *manifest) bool {
	for _, u := range m.uses {
		if strings.EqualFold(u.coordinate, "nuget:Microsoft.NET.Test.Sdk") {
			return true
		}
	}
	return strings.EqualFold(projectProperty(project, "IsTestProject"), "true")
}

// aspireHost reports whether a project only starts others while they are developed.
func aspireHost(project *element, m *manifest) bool {
	for _, u := range m.uses {
		if strings.EqualFold(u.coordinate, "nuget:Aspire.Hosting.AppHost") {
			return true
		}
	}
	return strings.EqualFold(projectProperty(project, "IsAspireHost"), "true")
}

func startsAsProgram(project *element) bool {
	sdks := []string{}
	if project != nil {
		sdks = append(sdks, project.attrs["Sdk"])
	}
	for _, e := range append(project.all("Sdk"), project.all("Import")...) {
		sdks = append(sdks, e.attrs["Name"], e.attrs["Sdk"])
	}
	for _, sdk := range sdks {
		sdk, _, _ = strings.Cut(sdk, "/")
		if strings.HasSuffix(sdk, ".Web") || strings.HasSuffix(sdk, ".Worker") || strings.HasSuffix(sdk, ".BlazorWebAssembly") {
			return true
		}
	}
	return strings.EqualFold(projectProperty(project, "OutputType"), "Exe") || projectProperty(project, "AzureFunctionsVersion") != "" ||
		strings.Contains(strings.ToUpper(projectProperty(project, "ProjectTypeGuids")), webProject)
}

// readPackagesConfig reads the older list of NuGet packages.
func readPackagesConfig(f discover.File, m *manifest) error {
	doc, err := parseXML(f.Data)
	for _, p := range doc.get("packages").all("package") {
		if p.attrs["developmentDependency"] != "true" && p.attrs["id"] != "" {
			m.needs("nuget:"+p.attrs["id"], p.line)
		}
	}
	return err
}

// readDirectoryProps reads what all projects below import. The versions in it use nothing.
func readDirectoryProps(f discover.File, m *manifest) error {
	doc, err := parseXML(f.Data)
	m.key = ""
	m.packages(doc.get("Project"))
	return err
}

// inheritProps gives each project what the files import that MSBuild finds above it: the nearest of each name.
func (t *reader) inheritProps() {
	props := map[string]*manifest{}
	for _, m := range t.all {
		if strings.HasPrefix(path.Base(m.file), "Directory.") {
			props[m.file] = m
		}
	}
	if len(props) == 0 {
		return
	}
	for _, m := range t.all {
		if m.key == "" || !strings.HasSuffix(m.file, "proj") {
			continue
		}
		for _, name := range []string{"Directory.Build.props", "Directory.Packages.props"} {
			if p := nearestAbove(m.folder, name, props); p != nil {
				m.uses = append(m.uses, p.uses...)
			}
		}
	}
}

func nearestAbove(folder, name string, files map[string]*manifest) *manifest {
	for dir := folder; ; dir = path.Dir(dir) {
		if m, ok := files[path.Join(dir, name)]; ok {
			return m
		}
		if dir == "." {
			return nil
		}
	}
}
