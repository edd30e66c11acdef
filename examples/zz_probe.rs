fn main() {
    for path in std::env::args().skip(1) {
        let t = std::time::Instant::now();
        let file = match phasor::onnx::ModelFile::open(std::path::Path::new(&path)) { Ok(f) => f, Err(e) => { println!("{path}: {e}"); continue } };
        let t1 = t.elapsed();
        let facts = phasor::facts::Facts::of(&file);
        let t2 = t.elapsed();
        let a = phasor::recognize::analyse(&file, &facts);
        println!("{path} sites {} refusals {} open {:?} facts {:?} total {:?}", a.sites.len(), a.refusals.len(), t1, t2 - t1, t.elapsed());
        if std::env::var("V").is_ok() {
            for s in &a.sites { println!("  {s:?}"); }
            for s in &a.refusals { println!("  {s:?}"); }
        }
        if std::env::var("S").is_ok() {
            let it = phasor::symbolic::Interpreter::run(&file, &facts);
            for s in &it.stopped { println!("  stop {} {} -> {:?}", file.graph().node[s.node].op_type(), file.graph().node[s.node].output[0], s.reason); }
        }
    }
}
