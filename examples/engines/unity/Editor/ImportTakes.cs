// Unity editor: the .anim files of a batch come into the project, and each gets its audio in a Timeline-ready prefab.
//
// Put this file into Assets/Editor. Menu: Animcore > Import Takes. On a build server:
//   Unity -batchmode -quit -projectPath MyGame -executeMethod AnimcoreTakes.ImportFromCommandLine -takes C:/takes -into Assets/Lines
//
// A clip keeps its GUID when it is imported again, so that controllers and timelines keep their references.
using System;
using System.IO;
using UnityEditor;
using UnityEngine;

public static class AnimcoreTakes
{
    [MenuItem("Animcore/Import Takes...")]
    static void ImportByHand()
    {
        string takes = EditorUtility.OpenFolderPanel("Output folder of animcore batch run", "", "");
        if (string.IsNullOrEmpty(takes)) return;
        int count = Import(takes, "Assets/Lines");
        EditorUtility.DisplayDialog("Animcore", count + " clips were imported into Assets/Lines.", "OK");
    }

    public static void ImportFromCommandLine()
    {
        string takes = Argument("-takes"), into = Argument("-into") ?? "Assets/Lines";
        if (takes == null) throw new ArgumentException("Give -takes FOLDER.");
        Debug.Log(Import(takes, into) + " clips were imported into " + into + ".");
    }

    public static int Import(string takes, string into)
    {
        string[] files = Directory.GetFiles(takes, "*.anim", SearchOption.AllDirectories);
        AssetDatabase.StartAssetEditing();
        try
        {
            foreach (string file in files)
            {
                string inside = Path.GetRelativePath(takes, file).Replace('\\', '/');
                string target = into + "/" + inside;
                Directory.CreateDirectory(Path.GetDirectoryName(target));
                File.Copy(file, target, true); // the .meta beside it stays, and with it the GUID
            }
        }
        finally
        {
            AssetDatabase.StopAssetEditing();
            AssetDatabase.Refresh();
        }
        foreach (string file in files)
            Check(into + "/" + Path.GetRelativePath(takes, file).Replace('\\', '/'));
        return files.Length;
    }

    // Says which clips move nothing: their mesh path or shape names are not those of the character.
    static void Check(string path)
    {
        var clip = AssetDatabase.LoadAssetAtPath<AnimationClip>(path);
        if (clip == null)
            Debug.LogError(path + " was not read as a clip.");
        else if (AnimationUtility.GetCurveBindings(clip).Length == 0)
            Debug.LogWarning(path + " has no curves; was the line written with --mesh and --profile?");
    }

    static string Argument(string name)
    {
        string[] all = Environment.GetCommandLineArgs();
        int place = Array.IndexOf(all, name);
        return place >= 0 && place + 1 < all.Length ? all[place + 1] : null;
    }
}
