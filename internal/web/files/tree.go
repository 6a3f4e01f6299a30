package files

import "strings"

// Folder is a folder of files with all that is below it.
type Folder struct {
	Name    string // "malaysia/shop" when malaysia holds nothing but shop
	Path    string
	Folders []*Folder // by name
	Files   []Entry   // by name
	Count   int       // of files at any depth
	Touched int       // of those that are not unchanged
}

// Tree puts files, which are sorted by path, into their folders. A folder that holds nothing but another is one with it.
func Tree(files []Entry) *Folder {
	root := &Folder{}
	for _, e := range files {
		at := root
		at.add(e)
		parts := strings.Split(e.Path, "/")
		for i, name := range parts[:len(parts)-1] {
			at = at.folder(name, strings.Join(parts[:i+1], "/"))
			at.add(e)
		}
		at.Files = append(at.Files, e)
	}
	for i, f := range root.Folders {
		root.Folders[i] = f.joined()
	}
	return root
}

func (f *Folder) add(e Entry) {
	f.Count++
	if e.State != Same {
		f.Touched++
	}
}

// folder is the one of that name; as files are sorted it is the last one or a new one.
func (f *Folder) folder(name, path string) *Folder {
	if n := len(f.Folders); n > 0 && f.Folders[n-1].Name == name {
		return f.Folders[n-1]
	}
	made := &Folder{Name: name, Path: path}
	f.Folders = append(f.Folders, made)
	return made
}

func (f *Folder) joined() *Folder {
	for i, inner := range f.Folders {
		f.Folders[i] = inner.joined()
	}
	if len(f.Files) > 0 || len(f.Folders) != 1 {
		return f
	}
	inner := f.Folders[0]
	inner.Name = f.Name + "/" + inner.Name
	return inner
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
