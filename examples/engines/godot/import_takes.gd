# Godot 4 editor: the .tres animations of a batch become one AnimationLibrary, a name a line.
#
# Copy the output folder of `animcore batch run --format godot` into the project (res://takes), open this script and run it
# (File > Run). On a build server:
#   godot --headless --path MyGame --script res://import_takes.gd -- res://takes res://lines.res
@tool
extends EditorScript


func _run() -> void:
	print(import_takes("res://takes", "res://lines.res"))


static func import_takes(takes: String, target: String) -> String:
	var library := AnimationLibrary.new()
	var wrong: PackedStringArray = []
	for path in files_below(takes):
		var animation := ResourceLoader.load(path, "Animation") as Animation
		if animation == null or animation.get_track_count() == 0:
			wrong.append(path)
			continue
		# names of animations have no slashes, colons, commas or brackets
		var name := path.trim_prefix(takes).trim_prefix("/").trim_suffix(".tres").validate_filename().replace("/", "_")
		library.add_animation(name.replace(",", "_").replace("[", "_"), animation)
	var error := ResourceSaver.save(library, target)
	if error != OK:
		return "%s cannot be written (error %d)." % [target, error]
	var told := "%d animations in %s." % [library.get_animation_list_size(), target]
	return told if wrong.is_empty() else told + " Without tracks: " + ", ".join(wrong)


static func files_below(folder: String) -> PackedStringArray:
	var found: PackedStringArray = []
	for name in DirAccess.get_files_at(folder):
		if name.ends_with(".tres"):
			found.append(folder.path_join(name))
	for name in DirAccess.get_directories_at(folder):
		found.append_array(files_below(folder.path_join(name)))
	return found
